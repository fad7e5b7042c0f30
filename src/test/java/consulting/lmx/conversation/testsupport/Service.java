package consulting.lmx.conversation.testsupport;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.lang.ProcessBuilder.Redirect;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;

/** The packaged jar, run as its users run it: a process of its own, set up by its environment, spoken to over HTTP. */
public final class Service implements AutoCloseable {

    private static final HttpClient HTTP = HttpClient.newHttpClient();

    /** The classes of the jar that a command loads. With this archive, a start takes half the time. */
    private static final Path ARCHIVE =
            Path.of("target", "service-" + Runtime.version() + ".jsa").toAbsolutePath();

    private final Process process;
    private final int port;
    private final Path log;

    private Service(Process process, int port, Path log) {
        this.process = process;
        this.port = port;
        this.log = log;
    }

    /** Starts it and does not wait; {@code environment} is added to the settings that it cannot do without. */
    public static Service start(Map<String, String> environment) throws IOException {
        return start(command(), environment);
    }

    /** Starts it with the JVM's arguments of the image, and does not wait. */
    public static Service startAsInTheImage(Map<String, String> environment) throws IOException {
        return start(command("@src/main/docker/jvm.options"), environment);
    }

    private static Service start(List<String> command, Map<String, String> environment) throws IOException {
        int port = MongodProcess.freePort();
        Path log = Files.createTempFile(Path.of("target"), "service", ".log");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        clear(builder);
        builder.environment().put("PORT", String.valueOf(port));
        builder.environment().put("QUARKUS_SHUTDOWN_DELAY", "0S");
        builder.environment().putAll(environment);
        return new Service(builder.start(), port, log);
    }

    /** A command of the same jar, run to its end. */
    public record Ended(int code, String out, String err) {}

    /** Starts a command in a folder; its environment is the given one, without what the tests' own may hold. */
    public static Process command(Path folder, Map<String, String> environment, String... arguments)
            throws IOException {
        return process(folder, environment, arguments).start();
    }

    /** The same, to be started with streams of its own. */
    public static ProcessBuilder process(Path folder, Map<String, String> environment, String... arguments) {
        List<String> command = command();
        command.addAll(List.of(arguments));
        ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile());
        clear(builder);
        builder.environment().putAll(environment);
        return builder;
    }

    /** Runs a command to its end, with {@code input} on its standard input. */
    public static Ended run(Path folder, String input, Map<String, String> environment, String... arguments)
            throws IOException, InterruptedException {
        Process process = command(folder, environment, arguments);
        CompletableFuture<String> err = CompletableFuture.supplyAsync(() -> read(process.getErrorStream()));
        try (Writer in = process.outputWriter()) {
            in.write(input);
        }
        String out = read(process.getInputStream());
        return new Ended(process.waitFor(), out, err.join());
    }

    private static String read(InputStream stream) {
        try {
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void clear(ProcessBuilder builder) {
        builder.environment()
                .keySet()
                .removeAll(List.of(
                        "MONGODB_URI",
                        "MONGODB_DB",
                        "AUTH_SECRET",
                        "AUTH_JWKS_URL",
                        "AUTH_ISSUER",
                        "AUTH_AUDIENCE",
                        "AUTH_ROLES_CLAIM",
                        "AUTH_SECRET_PREVIOUS",
                        "AUTH_COOKIE",
                        "ALLOWED_ORIGINS"));
    }

    /** With the first compiler only, since most processes of the tests live for seconds. */
    private static List<String> command() {
        createArchive();
        return command("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:SharedArchiveFile=" + ARCHIVE);
    }

    private static synchronized void createArchive() {
        Path jar = Path.of(System.getProperty("service.jar"));
        try {
            if (Files.exists(ARCHIVE)
                    && Files.getLastModifiedTime(ARCHIVE).compareTo(Files.getLastModifiedTime(jar)) > 0) {
                return;
            }
            List<String> verify = command("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:ArchiveClassesAtExit=" + ARCHIVE);
            verify.add("verify");
            ProcessBuilder builder =
                    new ProcessBuilder(verify).redirectErrorStream(true).redirectOutput(Redirect.DISCARD);
            clear(builder);
            builder.environment().putAll(settings(TestServer.newDatabase()));
            builder.start().waitFor();
            assertThat(ARCHIVE).exists();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    private static List<String> command(String... jvm) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(jvm));
        command.addAll(List.of("-jar", System.getProperty("service.jar")));
        return command;
    }

    /** The settings of a service on the tests' server, with a database of its own. */
    public static Map<String, String> settings(String database) {
        return Map.of(
                "MONGODB_URI",
                TestServer.uri(),
                "MONGODB_DB",
                database,
                "AUTH_SECRET",
                Tokens.SECRET,
                "QUARKUS_HTTP_HOST",
                "127.0.0.1");
    }

    public Process process() {
        return process;
    }

    public String log() throws IOException {
        return Files.readString(log);
    }

    public URI uri(String path) {
        return URI.create("http://127.0.0.1:" + port + path);
    }

    public HttpResponse<String> get(String path, String... headers) throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder(uri(path)).GET(), headers);
    }

    /** The value of a metric without labels. */
    public double metric(String name) throws IOException, InterruptedException {
        return get("/q/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
                .findFirst()
                .orElseThrow();
    }

    public HttpResponse<String> post(String path, String body, String... headers)
            throws IOException, InterruptedException {
        return send(
                HttpRequest.newBuilder(uri(path))
                        .header("Content-Type", "application/json")
                        .POST(HttpRequest.BodyPublishers.ofString(body)),
                headers);
    }

    public HttpResponse<String> delete(String path, String... headers) throws IOException, InterruptedException {
        return send(HttpRequest.newBuilder(uri(path)).DELETE(), headers);
    }

    private static HttpResponse<String> send(HttpRequest.Builder request, String... headers)
            throws IOException, InterruptedException {
        request.timeout(Duration.ofSeconds(20));
        if (headers.length > 0) {
            request.headers(headers);
        }
        return HTTP.send(request.build(), BodyHandlers.ofString());
    }

    /** The status of a GET; 0 where nobody answers. */
    public int status(String path) {
        try {
            return get(path).statusCode();
        } catch (IOException e) {
            return 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return 0;
        }
    }

    public Service awaitStatus(String path, int status) {
        Awaitility.await(path + " answers " + status)
                .atMost(Duration.ofSeconds(60))
                .pollInterval(Duration.ofMillis(50))
                .until(() -> status(path) == status);
        return this;
    }

    public Service awaitLive() {
        return awaitStatus("/q/health/live", 200);
    }

    public Service awaitReady() {
        return awaitStatus("/q/health/ready", 200);
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(15, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
    }
}
