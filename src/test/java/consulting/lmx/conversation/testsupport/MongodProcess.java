package consulting.lmx.conversation.testsupport;

import com.mongodb.MongoException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.bson.Document;

/** A {@code mongod} from the PATH as a replica set of one, on a free port of the loopback, in a scratch folder. */
public final class MongodProcess {

    private MongodProcess() {}

    static Optional<TestServer.Running> start() {
        return Programs.onPath("mongod").map(mongod -> {
            try {
                return start(mongod);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    private static TestServer.Running start(Path mongod) throws IOException {
        int port = freePort();
        // what has expired is looked for each second, where a server by itself takes a minute
        Running running = run(mongod, port, "--replSet", "rs0", "--setParameter", "ttlMonitorSleepSecs=1");
        String address = "127.0.0.1:" + port;
        initiate(address, "rs0");
        return new TestServer.Running(
                "a mongod of the PATH (" + mongod + ")", "mongodb://" + address + "/?replicaSet=rs0", running::close);
    }

    /** A server of its own that asks who is there, and lets a client of this machine make the first user; empty without one. */
    public static Optional<Running> startWithAuthentication() {
        return Programs.onPath("mongod").map(mongod -> {
            try {
                Running running = run(mongod, freePort(), "--auth");
                Awaitility.await()
                        .atMost(Duration.ofMinutes(1))
                        .ignoreExceptions()
                        .until(() -> {
                            try (MongoClient client = MongoClients.create(running.uri())) {
                                return client.getDatabase("admin")
                                                .runCommand(new Document("ping", 1))
                                                .getDouble("ok")
                                        == 1.0;
                            }
                        });
                return running;
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** Whether the {@code mongod} on the PATH knows {@code option}: one built without OpenSSL has no TLS options. */
    public static boolean knows(String option) throws IOException {
        Optional<Path> mongod = Programs.onPath("mongod");
        if (mongod.isEmpty()) {
            return false;
        }
        Process help = new ProcessBuilder(mongod.get().toString(), "--help")
                .redirectErrorStream(true)
                .start();
        return new String(help.getInputStream().readAllBytes()).contains(option + " ");
    }

    /** A server of its own with {@code options}, not waited for; empty without one. */
    public static Optional<Running> startAlone(String... options) {
        return Programs.onPath("mongod").map(mongod -> {
            try {
                return run(mongod, freePort(), options);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    /** A process that runs until it is closed. */
    public record Running(String uri, long pid, Runnable stop) implements AutoCloseable {
        @Override
        public void close() {
            stop.run();
        }
    }

    static Running run(Path mongod, int port, String... options) throws IOException {
        Path scratch = Files.createTempDirectory("mongod");
        List<String> all = new ArrayList<>(List.of("--dbpath", scratch.toString(), "--wiredTigerCacheSizeGB", "1"));
        all.addAll(List.of(options));
        return run(mongod, port, scratch, all);
    }

    static Running run(Path program, int port, Path scratch, List<String> options) throws IOException {
        List<String> command =
                new ArrayList<>(List.of(program.toString(), "--bind_ip", "127.0.0.1", "--port", String.valueOf(port)));
        command.addAll(options);
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(scratch.resolve("log").toFile())
                .start();
        Thread stopWithUs = new Thread(process::destroyForcibly);
        Runtime.getRuntime().addShutdownHook(stopWithUs);
        return new Running("mongodb://127.0.0.1:" + port + "/", process.pid(), () -> {
            stop(process);
            delete(scratch);
            Runtime.getRuntime().removeShutdownHook(stopWithUs);
        });
    }

    static void initiate(String address, String name) {
        try (MongoClient client = MongoClients.create("mongodb://" + address + "/?directConnection=true")) {
            client.getDatabase("admin")
                    .runCommand(new Document(
                            "replSetInitiate",
                            new Document("_id", name).append("members", List.of(member(0, address)))));
            Awaitility.await()
                    .atMost(Duration.ofMinutes(1))
                    .ignoreExceptionsMatching(MongoException.class::isInstance)
                    .until(() -> client.getDatabase("admin")
                            .runCommand(new Document("isMaster", 1))
                            .getBoolean("ismaster"));
        }
    }

    static Document member(int id, String address) {
        return new Document("_id", id).append("host", address);
    }

    /** A port of the loopback that nobody listens on. */
    public static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static void stop(Process process) {
        process.destroy();
        try {
            if (!process.waitFor(20, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
    }

    private static void delete(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
