package consulting.lmx.conversation.testsupport;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;

/** Listens to server-sent events as a browser does, and keeps what it has heard. */
public final class EventClient implements AutoCloseable {

    /** One event; parts that were not sent are null. */
    public record Event(String name, String id, String data, String comment, String retry) {}

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private final HttpResponse<InputStream> response;
    private final List<Event> events = new CopyOnWriteArrayList<>();
    private volatile boolean ended;

    private EventClient(HttpResponse<InputStream> response) {
        this.response = response;
        Thread reader = new Thread(this::read, "event-client");
        reader.setDaemon(true);
        reader.start();
    }

    /** Opens a stream; {@code headers} are names and values by turns. */
    public static EventClient open(URI uri, String token, String... headers) throws IOException, InterruptedException {
        return open(HTTP, uri, token, headers);
    }

    /** Opens a stream with a client of the test's own. */
    public static EventClient open(HttpClient http, URI uri, String token, String... headers)
            throws IOException, InterruptedException {
        HttpRequest.Builder request = HttpRequest.newBuilder(uri)
                .header("Accept", "text/event-stream")
                .header("Authorization", "Bearer " + token);
        if (headers.length > 0) {
            request.headers(headers);
        }
        return new EventClient(http.send(request.build(), BodyHandlers.ofInputStream()));
    }

    private void read() {
        List<String> lines = new ArrayList<>();
        try (BufferedReader body = new BufferedReader(new InputStreamReader(response.body(), StandardCharsets.UTF_8))) {
            for (String line = body.readLine(); line != null; line = body.readLine()) {
                if (line.isEmpty()) {
                    events.add(parse(lines));
                    lines.clear();
                } else {
                    lines.add(line);
                }
            }
        } catch (IOException cut) {
            // the other side is gone, which is an end too
        } finally {
            ended = true;
        }
    }

    private static Event parse(List<String> lines) {
        return new Event(
                field(lines, "event:"),
                field(lines, "id:"),
                field(lines, "data:"),
                field(lines, ":"),
                field(lines, "retry:"));
    }

    private static String field(List<String> lines, String prefix) {
        List<String> values = lines.stream()
                .filter(line -> line.startsWith(prefix))
                .map(line -> line.substring(prefix.length()).strip())
                .toList();
        return values.isEmpty() ? null : String.join("\n", values);
    }

    public int status() {
        return response.statusCode();
    }

    public HttpResponse<?> response() {
        return response;
    }

    /** What was heard, comments left out. */
    public List<Event> events() {
        return events.stream().filter(event -> event.name() != null).toList();
    }

    /** All that was heard, comments too. */
    public List<Event> all() {
        return List.copyOf(events);
    }

    /** The events heard, once there are {@code n}. */
    public List<Event> await(int n) {
        Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> events().size() >= n);
        return events();
    }

    public EventClient awaitEnd() {
        Awaitility.await().atMost(Duration.ofSeconds(20)).until(() -> ended);
        return this;
    }

    public boolean ended() {
        return ended;
    }

    @Override
    public void close() throws IOException {
        response.body().close();
    }
}
