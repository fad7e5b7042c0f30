package consulting.lmx.conversation.security;

import java.net.URI;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;

/** The location of a JWKS: a file, or an http or https URL. */
record KeyLocation(URI uri) {

    /** At least two characters, so that the drive letter of a path is no scheme. */
    private static final Pattern SCHEME = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]+:.*");

    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1]");

    /** @throws IllegalArgumentException for any other location; the message is a clause that says why */
    static KeyLocation of(String location) {
        if (!SCHEME.matcher(location).matches()) {
            return new KeyLocation(Path.of(location).toUri());
        }
        URI uri = URI.create(location);
        switch (uri.getScheme().toLowerCase(Locale.ROOT)) {
            case "file" -> Path.of(uri);
            case "http", "https" -> requireHost(uri);
            default ->
                throw new IllegalArgumentException("the scheme " + uri.getScheme() + " is not file, http or https");
        }
        return new KeyLocation(uri);
    }

    private static void requireHost(URI uri) {
        if (uri.getHost() == null) {
            throw new IllegalArgumentException("the URL has no host");
        }
        if (uri.getUserInfo() != null) {
            throw new IllegalArgumentException("the user in the URL would not be sent");
        }
    }

    boolean isFile() {
        return uri.getScheme().equalsIgnoreCase("file");
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
}
