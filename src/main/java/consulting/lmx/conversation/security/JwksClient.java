package consulting.lmx.conversation.security;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Flow;

/** Reads the text of a JWKS with limits on time and size, without blocking the calling thread. */
class JwksClient {

    /** Maximum size of a JWKS, in bytes. */
    static final int MAX_BYTES = 512 * 1024;

    private final KeyLocation location;
    private final Duration timeout;
    private final HttpClient http;

    /** @param timeout maximum time of one read, from the connect to the last byte */
    JwksClient(KeyLocation location, Duration timeout) {
        this.location = location;
        this.timeout = timeout;
        // Redirects are not followed: only the deployer decides where the keys come from.
        this.http = location.isFile()
                ? null
                : HttpClient.newBuilder()
                        .version(HttpClient.Version.HTTP_1_1)
                        .followRedirects(HttpClient.Redirect.NEVER)
                        .build();
    }

    /** Fails if the text cannot be read, is too long, or does not arrive in time. */
    Uni<String> read() {
        Uni<String> text = location.isFile() ? Uni.createFrom().item(this::readFile) : get();
        return text.runSubscriptionOn(Infrastructure.getDefaultExecutor())
                .ifNoItem()
                .after(timeout)
                .fail();
    }

    private String readFile() {
        try (InputStream in = Files.newInputStream(Path.of(location.uri()))) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            requireFits(bytes.length);
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Uni<String> get() {
        // read() limits the whole time. This limit is longer, and closes the connection to a server that sends nothing.
        HttpRequest request = HttpRequest.newBuilder(location.uri())
                .timeout(timeout.plusSeconds(1))
                .header("Accept", "application/jwk-set+json, application/json")
                .build();
        return Uni.createFrom()
                .completionStage(() -> http.sendAsync(request, BodyHandlers.ofPublisher()))
                .chain(JwksClient::text);
    }

    private static Uni<String> text(HttpResponse<Flow.Publisher<List<ByteBuffer>>> response) {
        return Multi.createFrom()
                .publisher(response.body())
                .collect()
                .in(ByteArrayOutputStream::new, JwksClient::append)
                .map(body -> {
                    if (response.statusCode() != 200) {
                        throw new IllegalStateException("the response has status " + response.statusCode());
                    }
                    return body.toString(StandardCharsets.UTF_8);
                });
    }

    private static void append(ByteArrayOutputStream body, List<ByteBuffer> parts) {
        for (ByteBuffer part : parts) {
            requireFits(body.size() + part.remaining());
            byte[] bytes = new byte[part.remaining()];
            part.get(bytes);
            body.writeBytes(bytes);
        }
    }

    private static void requireFits(int size) {
        if (size > MAX_BYTES) {
            throw new IllegalStateException("the document is longer than " + MAX_BYTES + " bytes");
        }
    }
}
