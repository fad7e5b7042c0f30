package consulting.lmx.conversation.testsupport;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bson.Document;
import org.junit.jupiter.api.Assumptions;
import org.junit.platform.launcher.LauncherSession;
import org.junit.platform.launcher.LauncherSessionListener;

/**
 * The realest MongoDB at hand, started before the first test and stopped after the last: {@code TEST_MONGODB_URI}, else a
 * {@code mongod} on the PATH, else one in Docker, else the embedded one. The tests find it by system properties, since
 * Quarkus loads test classes more than once.
 */
public class TestServer implements LauncherSessionListener {

    private static final String URI = "test.mongodb.uri";
    private static final String DATABASE = "test.mongodb.database";
    private static final String KIND = "test.mongodb.kind";
    private static final String EMBEDDED = "the embedded server";

    /** A server that runs, and how it is stopped. */
    record Running(String kind, String uri, Runnable stop) {}

    private Running running;

    @Override
    public void launcherSessionOpened(LauncherSession session) {
        if (System.getProperty(URI) != null) {
            return; // a session within a session
        }
        running = Stream.<Supplier<Optional<Running>>>of(
                        TestServer::given, MongodProcess::start, DockerMongo::start, EmbeddedMongo::start)
                .map(Supplier::get)
                .flatMap(Optional::stream)
                .findFirst()
                .orElseThrow();
        System.setProperty(URI, running.uri());
        System.setProperty(KIND, running.kind());
        System.setProperty(DATABASE, "test-" + UUID.randomUUID().toString().substring(0, 8));
        System.out.println("Tests run against " + running.kind() + " at " + running.uri());
    }

    private static Optional<Running> given() {
        return Optional.ofNullable(System.getenv("TEST_MONGODB_URI"))
                .map(uri -> new Running("the server of TEST_MONGODB_URI", uri, () -> {}));
    }

    @Override
    public void launcherSessionClosed(LauncherSession session) {
        if (running != null) {
            if (!running.kind().startsWith(EMBEDDED)) {
                try (MongoClient client = MongoClients.create(running.uri())) {
                    client.getDatabase(database()).drop();
                }
            }
            running.stop().run();
            Stream.of(URI, DATABASE, KIND).forEach(System::clearProperty);
        }
    }

    static String embeddedKind() {
        return EMBEDDED + " (no TEST_MONGODB_URI, no mongod on the PATH, no Docker)";
    }

    /** The connection string of the server. */
    public static String uri() {
        return System.getProperty(URI);
    }

    /** The database that the tests of the running application use. */
    public static String database() {
        return System.getProperty(DATABASE);
    }

    /** A database that nobody else uses. */
    public static String newDatabase() {
        return database() + "-" + UUID.randomUUID().toString().substring(0, 8);
    }

    public static boolean isGenuine() {
        return !System.getProperty(KIND).startsWith(EMBEDDED);
    }

    /** Skips the test where the server is the embedded one, which lacks {@code what}. */
    public static void assumeGenuine(String what) {
        Assumptions.assumeTrue(isGenuine(), "the embedded server has no " + what);
    }

    /** Skips the test unless the server is of {@code major}.{@code minor} or newer, which brought {@code what}. */
    public static void assumeVersion(int major, int minor, String what) {
        assumeGenuine(what);
        try (MongoClient client = MongoClients.create(uri())) {
            Document info = client.getDatabase("admin").runCommand(new Document("buildInfo", 1));
            String[] version = info.getString("version").split("\\.");
            boolean newEnough = Integer.parseInt(version[0]) > major
                    || Integer.parseInt(version[0]) == major && Integer.parseInt(version[1]) >= minor;
            Assumptions.assumeTrue(
                    newEnough,
                    "MongoDB " + info.getString("version") + " has no " + what + ", which came with " + major);
        }
    }
}
