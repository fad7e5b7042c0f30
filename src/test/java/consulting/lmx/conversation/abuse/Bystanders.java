package consulting.lmx.conversation.abuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.RawHttp.Answer;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Those who must not notice the hostile load on a service that runs as in the image: its probes, each on a connection of its
 * own, and an ordinary caller who writes and reads.
 */
final class Bystanders implements AutoCloseable {

    private static final Duration PROBE_TIMEOUT = Duration.ofSeconds(1);

    /** Names of the service's threads that answer probes. */
    private static final Pattern ANSWERING = Pattern.compile("(vert\\.x|executor|VM Thread).*");

    private static final byte[] MESSAGE = "{\"content\": \"Hello\"}".getBytes(StandardCharsets.US_ASCII);
    private static final int WARM_UP = 50;

    /** @param waited the part of it in which the machine ran other processes */
    private record Probe(Duration took, Duration waited) {}

    final Service service;

    private final String conversation = UUID.randomUUID().toString();
    private final ScheduledExecutorService threads = Executors.newScheduledThreadPool(2);
    private final List<Probe> probes = new CopyOnWriteArrayList<>();
    private final List<String> lostProbes = new CopyOnWriteArrayList<>();
    private final List<Integer> calls = new CopyOnWriteArrayList<>();

    Bystanders(Map<String, String> settings) throws IOException {
        service = Service.startAsInTheImage(settings).awaitReady();
        for (int i = 0; i < WARM_UP; i++) {
            probe();
            call();
        }
        assertThat(calls).containsOnlyOnce(201).contains(200);
        probes.clear();
        calls.clear();
        threads.scheduleWithFixedDelay(this::probe, 0, 100, TimeUnit.MILLISECONDS);
        threads.scheduleWithFixedDelay(this::call, 0, 100, TimeUnit.MILLISECONDS);
    }

    int port() {
        return service.uri("").getPort();
    }

    private void probe() {
        long begin = System.nanoTime();
        long waitedBefore = waitedForTheProcessor();
        try {
            Answer answer = RawHttp.send(port(), "GET /q/health/live HTTP/1.1", new byte[0]);
            probes.add(new Probe(
                    Duration.ofNanos(System.nanoTime() - begin),
                    Duration.ofNanos(waitedForTheProcessor() - waitedBefore)));
            if (answer.status() != 200) {
                lostProbes.add(answer.head());
            }
        } catch (IOException e) {
            lostProbes.add(e.toString());
        }
    }

    /** Nanoseconds in which the threads that answer probes were runnable and did not run; 0 if the system does not report it. */
    private long waitedForTheProcessor() {
        try (Stream<Path> tasks =
                Files.list(Path.of("/proc/" + service.process().pid() + "/task"))) {
            return tasks.mapToLong(Bystanders::waitedForTheProcessor).sum();
        } catch (IOException e) {
            return 0;
        }
    }

    private static long waitedForTheProcessor(Path task) {
        try {
            return ANSWERING
                            .matcher(Files.readString(task.resolve("comm")).strip())
                            .matches()
                    ? Long.parseLong(Files.readString(task.resolve("schedstat")).split(" ")[1])
                    : 0;
        } catch (IOException ended) {
            return 0;
        }
    }

    private void call() {
        try {
            String as = "\nAuthorization: Bearer " + Tokens.of("bystander");
            String path = "/api/conversation/" + conversation;
            calls.add(RawHttp.send(
                            port(), "POST " + path + "/message HTTP/1.1\nContent-Type: application/json" + as, MESSAGE)
                    .status());
            calls.add(RawHttp.send(port(), "GET " + path + " HTTP/1.1" + as, new byte[0])
                    .status());
        } catch (IOException e) {
            calls.add(0);
        }
    }

    /** Other callers were not affected, and the memory of the load is released. */
    void assertUnharmed() throws IOException {
        threads.shutdown();
        await().atMost(Duration.ofSeconds(90)).until(threads::isTerminated);
        assertThat(service.process().isAlive()).as(service.log()).isTrue();
        assertThat(lostProbes).isEmpty();
        assertThat(probes)
                .hasSizeGreaterThan(5)
                .allSatisfy(probe -> assertThat(probe.took()).isLessThan(PROBE_TIMEOUT.plus(probe.waited())));
        assertThat(calls).hasSizeGreaterThan(10);
        assertFew("calls that failed", calls, status -> status != 200);
        await("the memory of the load is released")
                .atMost(Duration.ofSeconds(30))
                .until(() -> service.metric("conversations_connections_unread_bytes") == 0
                        && service.metric("conversations_memory_reserved_bytes") < 1_000_000);
    }

    /** The 99th percentile. */
    private static <T> void assertFew(String what, List<T> all, Predicate<T> few) {
        assertThat(all.stream().filter(few).toList())
                .as("%s, of %d", what, all.size())
                .hasSizeLessThanOrEqualTo((all.size() + 99) / 100);
    }

    @Override
    public void close() {
        threads.shutdownNow();
        service.close();
    }
}
