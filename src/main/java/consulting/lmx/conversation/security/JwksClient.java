package consulting.lmx.conversation.security;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
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
import java.util.Locale;
import java.util.concurrent.Flow;
import java.util.regex.Pattern;

/**
 * Reads a JWKS from a file or from an http or https URL, with limits on time and size, and without blocking the calling thread.
 */
record JwksClient(URI uri) {

    /** Maximum size of a JWKS, in bytes. */
    static final int MAX_BYTES = 512 * 1024;

    /** At least two characters, so that the drive letter of a path is no scheme. */
    private static final Pattern SCHEME = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]+:.*");

    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1]");

    /** Does not follow redirects: only the deployer decides where the keys come from. */
    private static final HttpClient HTTP = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .build();

    /** @throws IllegalArgumentException for any other location; the message is a clause that says why */
    static JwksClient of(String location) {
        if (!SCHEME.matcher(location).matches()) {
            return new JwksClient(Path.of(location).toUri());
        }
        URI uri = URI.create(location);
        switch (uri.getScheme().toLowerCase(Locale.ROOT)) {
            case "file" -> Path.of(uri);
            case "http", "https" -> requireHost(uri);
            default ->
                throw new IllegalArgumentException("the scheme " + uri.getScheme() + " is not file, http or https");
        }
        return new JwksClient(uri);
    }

    private static void requireHost(URI uri) {
        if (uri.getHost() == null) {
            throw new IllegalArgumentException("the URL has no host");
        }
        if (uri.getUserInfo() != null) {
            throw new IllegalArgumentException("the user in the URL would not be sent");
        }
    }

    /** Whether anybody on the network path could replace the keys. */
    boolean isUnprotected() {
        return uri.getScheme().equalsIgnoreCase("http")
                && !LOOPBACK.matcher(uri.getHost()).matches();
    }

    @Override
    public String toString() {
        return uri.toString();
    }

    /** The text of the JWKS. Fails if it cannot be read, is too long, or does not arrive within {@code timeout}. */
    Uni<String> read(Duration timeout) {
        Uni<String> text =
                uri.getScheme().equalsIgnoreCase("file") ? Uni.createFrom().item(this::readFile) : get(timeout);
        return text.runSubscriptionOn(Infrastructure.getDefaultExecutor())
                .ifNoItem()
                .after(timeout)
                .fail();
    }

    private String readFile() {
        try (InputStream in = Files.newInputStream(Path.of(uri))) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            requireFits(bytes.length);
            return new String(bytes, StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Uni<String> get(Duration timeout) {
        // read() limits the whole time. This limit is longer, and closes the connection to a server that sends nothing.
        HttpRequest request = HttpRequest.newBuilder(uri)
                .timeout(timeout.plusSeconds(1))
                .header("Accept", "application/jwk-set+json, application/json")
                .build();
        return Uni.createFrom()
                .completionStage(() -> HTTP.sendAsync(request, BodyHandlers.ofPublisher()))
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
