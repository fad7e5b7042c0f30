package consulting.lmx.conversation.security;

import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.URLConnection;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
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

    private static final int PART = 8 * 1024;

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
        return Uni.createFrom()
                .item(() -> readNow(timeout))
                .runSubscriptionOn(Infrastructure.getDefaultExecutor())
                .ifNoItem()
                .after(timeout)
                .fail();
    }

    private String readNow(Duration timeout) {
        long end = System.nanoTime() + timeout.toNanos();
        try {
            URLConnection connection = uri.toURL().openConnection();
            connection.setConnectTimeout((int) timeout.toMillis());
            connection.setReadTimeout((int) timeout.toMillis());
            if (connection instanceof HttpURLConnection http) {
                http.setInstanceFollowRedirects(false); // only the deployer decides where the keys come from
                if (http.getResponseCode() != HttpURLConnection.HTTP_OK) {
                    throw new IllegalStateException("the response has status " + http.getResponseCode());
                }
            }
            try (InputStream in = connection.getInputStream()) {
                ByteArrayOutputStream text = new ByteArrayOutputStream();
                byte[] part = new byte[PART];
                for (int read = in.read(part); read >= 0; read = in.read(part)) {
                    text.write(part, 0, read);
                    if (text.size() > MAX_BYTES || System.nanoTime() - end > 0) {
                        throw new IllegalStateException(
                                "the document is too slow or longer than " + MAX_BYTES + " bytes");
                    }
                }
                return text.toString(StandardCharsets.UTF_8);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
