package consulting.lmx.conversation.testsupport;

import com.mongodb.MongoException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.bson.Document;

/** Three {@code mongod}s of the PATH, which elect another primary when theirs has been silent for two seconds. */
public final class ReplicaSet implements AutoCloseable {

    private final List<MongodProcess.Running> nodes = new ArrayList<>();
    private final String uri;

    private ReplicaSet(Path mongod) throws IOException {
        List<Document> members = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            int port = MongodProcess.freePort();
            nodes.add(MongodProcess.run(mongod, port, "--replSet", "rs0", "--oplogSize", "64"));
            members.add(MongodProcess.member(i, "127.0.0.1:" + port));
        }
        Document settings = new Document("electionTimeoutMillis", 2000)
                .append("heartbeatIntervalMillis", 500)
                .append("heartbeatTimeoutSecs", 2);
        Document config = new Document("_id", "rs0").append("members", members).append("settings", settings);
        awaited("the set is begun", () -> admin(nodes.get(0), new Document("replSetInitiate", config)));
        uri = "mongodb://"
                + String.join(
                        ",",
                        members.stream().map(member -> member.getString("host")).toList())
                + "/?replicaSet=rs0";
        awaitHealthy();
    }

    /** Empty where there is no {@code mongod} on the PATH. */
    public static Optional<ReplicaSet> start() {
        return Programs.onPath("mongod").map(mongod -> {
            try {
                return new ReplicaSet(mongod);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    public String uri() {
        return uri;
    }

    /** Waits until one node is the primary and the others follow it. */
    public void awaitHealthy() {
        awaited("one primary and two secondaries", () -> {
            List<Integer> states = nodes.stream()
                    .map(node ->
                            admin(node, new Document("replSetGetStatus", 1)).getInteger("myState"))
                    .sorted()
                    .toList();
            if (!states.equals(List.of(1, 2, 2))) {
                throw new MongoException("states " + states);
            }
        });
    }

    /** Stops the primary where it stands, as if its machine had; it goes on when what is given is run. */
    public Runnable pausePrimary() {
        return pause(true);
    }

    /** Stops both of the others: the primary has no majority. */
    public Runnable pauseSecondaries() {
        return pause(false);
    }

    private Runnable pause(boolean primary) {
        List<MongodProcess.Running> paused = nodes.stream()
                .filter(node -> admin(node, new Document("isMaster", 1)).getBoolean("ismaster") == primary)
                .toList();
        paused.forEach(node -> signal("STOP", node));
        return () -> paused.forEach(node -> signal("CONT", node));
    }

    private static void signal(String signal, MongodProcess.Running node) {
        try {
            int code = new ProcessBuilder("kill", "-" + signal, String.valueOf(node.pid()))
                    .inheritIO()
                    .start()
                    .waitFor();
            if (code != 0) {
                throw new IllegalStateException("kill ended with " + code);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private static Document admin(MongodProcess.Running node, Document command) {
        try (MongoClient client =
                MongoClients.create(node.uri() + "?directConnection=true&serverSelectionTimeoutMS=2000")) {
            return client.getDatabase("admin").runCommand(command);
        }
    }

    private static void awaited(String what, Runnable done) {
        Awaitility.await(what)
                .atMost(Duration.ofMinutes(1))
                .ignoreExceptionsMatching(MongoException.class::isInstance)
                .until(() -> {
                    done.run();
                    return true;
                });
    }

    @Override
    public void close() {
        nodes.forEach(MongodProcess.Running::close);
    }
}
