package consulting.lmx.conversation.security;

import java.net.URI;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Pattern;

/** Where the keys are: a file, or an address of http or https. */
record KeyLocation(URI uri) {

    /** Of two characters or more, so that the drive of a path is none. */
    private static final Pattern SCHEME = Pattern.compile("[A-Za-z][A-Za-z0-9+.-]+:.*");

    private static final Pattern LOOPBACK = Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[::1]");

    /** @throws IllegalArgumentException where it is neither; the message says why */
    static KeyLocation of(String location) {
        if (!SCHEME.matcher(location).matches()) {
            return new KeyLocation(Path.of(location).toUri());
        }
        URI uri = URI.create(location);
        switch (uri.getScheme().toLowerCase(Locale.ROOT)) {
            case "file" -> Path.of(uri);
            case "http", "https" -> requireHost(uri);
            default -> throw new IllegalArgumentException(uri.getScheme() + " is none of file, http and https");
        }
        return new KeyLocation(uri);
    }

    private static void requireHost(URI uri) {
        if (uri.getHost() == null) {
            throw new IllegalArgumentException("the address has no host");
        }
        if (uri.getUserInfo() != null) {
            throw new IllegalArgumentException("a user in the address would not be sent");
        }
    }

    boolean isFile() {
        return uri.getScheme().equalsIgnoreCase("file");
    }

    /** Whether others on the way could put keys of their own in place of those that were sent. */
    boolean isOpenToOthers() {
        return uri.getScheme().equalsIgnoreCase("http")
                && !LOOPBACK.matcher(uri.getHost()).matches();
    }

    @Override
    public String toString() {
        return uri.toString();
    }
}
