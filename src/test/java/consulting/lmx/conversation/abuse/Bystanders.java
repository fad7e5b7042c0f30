package consulting.lmx.conversation.abuse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.RawHttp.Answer;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * Those who must not notice the hostile load on a service that runs as in the image: its probes, each on a connection of its
 * own, and an ordinary caller who writes and reads.
 */
final class Bystanders implements AutoCloseable {

    private static final Duration PROBE_TIMEOUT = Duration.ofSeconds(1);

    private static final Duration TICK = Duration.ofMillis(10);

    /** How much longer a probe may take than a thread of this process has to wait for the processor, which it waits for thrice. */
    private static final int MACHINE_TIMES = 3;

    private static final byte[] MESSAGE = "{\"content\": \"Hello\"}".getBytes(StandardCharsets.US_ASCII);
    private static final int WARM_UP = 50;

    final Service service;

    private final String conversation = UUID.randomUUID().toString();
    private final ScheduledExecutorService threads = Executors.newScheduledThreadPool(3);
    private long lastTick = System.nanoTime();
    private volatile Duration machine = Duration.ZERO;
    private final List<Duration> probes = new CopyOnWriteArrayList<>();
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
        lastTick = System.nanoTime();
        calls.clear();
        threads.scheduleAtFixedRate(this::measureMachine, 0, TICK.toMillis(), TimeUnit.MILLISECONDS);
        threads.scheduleWithFixedDelay(this::probe, 0, 100, TimeUnit.MILLISECONDS);
        threads.scheduleWithFixedDelay(this::call, 0, 100, TimeUnit.MILLISECONDS);
    }

    int port() {
        return service.uri("").getPort();
    }

    private void measureMachine() {
        long now = System.nanoTime();
        Duration late = Duration.ofNanos(now - lastTick).minus(TICK);
        machine = late.compareTo(machine) > 0 ? late : machine;
        lastTick = now;
    }

    private void probe() {
        long begin = System.nanoTime();
        try {
            Answer answer = RawHttp.send(port(), "GET /q/health/live HTTP/1.1", new byte[0]);
            probes.add(Duration.ofNanos(System.nanoTime() - begin));
            if (answer.status() != 200) {
                lostProbes.add(answer.head());
            }
        } catch (IOException e) {
            lostProbes.add(e.toString());
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

    /** The value of a metric without labels. */
    double metric(String name) throws IOException, InterruptedException {
        HttpResponse<String> metrics = service.get("/q/metrics");
        return metrics.body()
                .lines()
                .filter(line -> line.startsWith(name + " "))
                .mapToDouble(line -> Double.parseDouble(line.substring(name.length() + 1)))
                .findFirst()
                .orElseThrow();
    }

    /** Nobody has noticed, and what the load held is given back. */
    void assertUnharmed() throws IOException {
        threads.shutdown();
        await().atMost(Duration.ofSeconds(90)).until(threads::isTerminated);
        assertThat(service.process().isAlive()).as(service.log()).isTrue();
        assertThat(lostProbes).isEmpty();
        Duration timeout = PROBE_TIMEOUT.plus(machine.multipliedBy(MACHINE_TIMES));
        assertThat(probes)
                .hasSizeGreaterThan(5)
                .allSatisfy(probe -> assertThat(probe)
                        .as("the machine itself was late by %s", machine)
                        .isLessThan(timeout));
        assertThat(calls).hasSizeGreaterThan(10);
        assertFew("calls that failed", calls, status -> status != 200);
        await("what the load held is given back")
                .atMost(Duration.ofSeconds(30))
                .until(() -> metric("conversations_connections_unread_bytes") == 0
                        && metric("conversations_memory_reserved_bytes") < 1_000_000);
    }

    /** One in a hundred. */
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
