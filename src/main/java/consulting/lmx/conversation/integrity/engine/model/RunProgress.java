package consulting.lmx.conversation.integrity.engine.model;

import java.time.Instant;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Function;
import java.util.function.ObjLongConsumer;
import java.util.stream.Stream;
import org.bson.BsonDocument;
import org.bson.BsonValue;
import org.jboss.logging.Logger;

/** What one run has found and done so far; written by the steps, read at any time by the report, the probe and the metrics. */
public final class RunProgress {

    private static final Logger LOG = Logger.getLogger(RunProgress.class);

    private static final int MOST_EXCEPTIONS = 100;
    private static final int LONGEST_NAME = 200;

    /** The counts of one key, by defect. */
    public static final class KeyCounts {
        private final Map<Defect, LongAdder> broken = counters();
        private final Map<Defect, LongAdder> healed = counters();

        private static Map<Defect, LongAdder> counters() {
            Map<Defect, LongAdder> counters = new EnumMap<>(Defect.class);
            for (Defect defect : Defect.values()) {
                counters.put(defect, new LongAdder());
            }
            return counters;
        }

        public void found(Defect defect, long n) {
            broken.get(defect).add(n);
        }

        public Map<String, Long> brokenByWord() {
            return byWord(broken);
        }

        public Map<String, Long> healedByWord() {
            return byWord(healed);
        }

        public long totalHealed() {
            return total(healed);
        }

        public long totalBroken() {
            return total(broken);
        }

        private static Map<String, Long> byWord(Map<Defect, LongAdder> counters) {
            Map<String, Long> byWord = new LinkedHashMap<>();
            counters.forEach((defect, count) -> byWord.put(defect.word(), count.sum()));
            return byWord;
        }

        private static long total(Map<Defect, LongAdder> counters) {
            return counters.values().stream().mapToLong(LongAdder::sum).sum();
        }
    }

    private final String run;
    private final Instant startedAt;
    private final ObjLongConsumer<Defect> onHealed;
    private final Map<String, KeyCounts> keys = new LinkedHashMap<>();
    private final AtomicLong scanned = new AtomicLong();
    private final AtomicLong expected = new AtomicLong();
    private long scanBegan;
    private long lastWrite;
    private long finishedNanos;
    private volatile String step = "connect";
    private volatile LeaseHolder watched;
    private volatile boolean stopping;
    private final LongAdder deleted = new LongAdder();
    private final Set<String> withoutRecord = ConcurrentHashMap.newKeySet();
    private final Set<String> notRepaired = ConcurrentHashMap.newKeySet();

    /** {@code onHealed} hears of every key that is healed, by its defect. */
    public RunProgress(String run, Instant startedAt, Invariant invariant, ObjLongConsumer<Defect> onHealed) {
        this.run = run;
        this.startedAt = startedAt;
        this.onHealed = onHealed;
        invariant.keys().forEach(key -> keys.put(key.field(), new KeyCounts()));
    }

    public String run() {
        return run;
    }

    public Instant startedAt() {
        return startedAt;
    }

    public String step() {
        LeaseHolder other = watched;
        return other == null ? step : "waiting for " + other.host() + ": " + other.step();
    }

    /** The same without the host. */
    public String publicStep() {
        LeaseHolder other = watched;
        return other == null ? step : "waiting for another process: " + other.step();
    }

    /** Another process is healing, and this is what it says of itself; null where none is. */
    public void watch(LeaseHolder other) {
        watched = other;
    }

    public void step(String step) {
        this.step = step;
    }

    public KeyCounts of(RequiredKey key) {
        return keys.get(key.field());
    }

    public KeyCounts of(String field) {
        return keys.get(field);
    }

    /** Asks the run to end after the batches that are in flight. */
    public void stop() {
        stopping = true;
    }

    public boolean stopping() {
        return stopping;
    }

    /**
     * Ends a step that was asked to stop.
     *
     * @throws IntegrityException that says how to go on
     */
    public void requireGoingOn() {
        if (stopping) {
            throw new IntegrityException("Stopped after the batch in flight, with " + totalHealed()
                    + " healed: run it again to go on from there");
        }
    }

    /** A document was repaired without its repair record, with which it would be larger than the server takes. */
    public void withoutRecord(RequiredKey key, BsonValue id, Defect defect) {
        withoutRecord.add(name(key, id));
        LOG.warnf("event=repaired-without-record run=%s document=\"%s\" reason=%s", run, name(key, id), defect.word());
    }

    /** A document has no room even for the key: it stays as it is, and stops nothing. */
    public void notRepaired(RequiredKey key, BsonValue id, Defect defect) {
        notRepaired.add(name(key, id));
        LOG.errorf(
                "event=not-repaired run=%s document=\"%s\" reason=%s: it is as large as the server takes; make it smaller,"
                        + " and heal again",
                run, name(key, id), defect.word());
    }

    private static String name(RequiredKey key, BsonValue documentId) {
        String id = ExtendedJson.of(new BsonDocument("_id", documentId));
        return key.field() + " of " + (id.length() > LONGEST_NAME ? id.substring(0, LONGEST_NAME) + "…" : id);
    }

    /** The documents that were not repaired as all others, each with what was done instead; a hundred at most. */
    public List<String> exceptions() {
        return Stream.concat(
                        withoutRecord.stream().map(document -> document + ": repaired without its record"),
                        notRepaired.stream().map(document -> document + ": not repaired, since it is too large"))
                .limit(MOST_EXCEPTIONS)
                .toList();
    }

    /** How many keys are broken for good. */
    public int notRepaired() {
        return notRepaired.size();
    }

    public void deleted(long documents) {
        deleted.add(documents);
        written();
    }

    public long deleted() {
        return deleted.sum();
    }

    public void scanned(long documents) {
        scanned.accumulateAndGet(documents, Math::max);
    }

    public long scanned() {
        return scanned.get();
    }

    /** So many were found to be left, now. */
    public void expectMore(long left) {
        expected.set(totalHealed() + deleted() + left);
    }

    /** {@code n} documents were given a new value of {@code key}, and the server has acknowledged it. */
    public void healed(RequiredKey key, Defect defect, long n) {
        of(key).healed.get(defect).add(n);
        written();
        onHealed.accept(defect, n);
    }

    /** How many broken keys were counted and are not healed yet; 0 where nothing was counted. */
    public long remaining() {
        LeaseHolder other = watched;
        return other != null ? other.remaining() : Math.max(0, expected.get() - totalHealed() - deleted());
    }

    public long totalHealed() {
        return keys.values().stream().mapToLong(KeyCounts::totalHealed).sum();
    }

    public long totalBroken() {
        return keys.values().stream().mapToLong(KeyCounts::totalBroken).sum();
    }

    /** What this run has met as broken in all keys, by reason. */
    public Map<String, Long> brokenByWord() {
        return overAllKeys(KeyCounts::brokenByWord);
    }

    /** What this run has healed in all keys, by reason. */
    public Map<String, Long> healedByWord() {
        return overAllKeys(KeyCounts::healedByWord);
    }

    private Map<String, Long> overAllKeys(Function<KeyCounts, Map<String, Long>> counts) {
        Map<String, Long> sums = new LinkedHashMap<>();
        keys.values().forEach(key -> counts.apply(key).forEach((word, n) -> sums.merge(word, n, Long::sum)));
        return sums;
    }

    /** How many keys are healed, by this run or by the one that it waits for. */
    public long healedSoFar() {
        LeaseHolder other = watched;
        return other != null ? other.healed() : totalHealed();
    }

    /** A scan begins; what the one before took, up to its last acknowledged write, is added up. */
    public synchronized void scanning() {
        finishedNanos += lastWrite - scanBegan;
        scanBegan = System.nanoTime();
        lastWrite = scanBegan;
    }

    private synchronized void written() {
        lastWrite = System.nanoTime();
    }

    /** The backfill alone: the scans, each from its first read to its last acknowledged write. */
    public synchronized double seconds() {
        return (finishedNanos + lastWrite - scanBegan) / 1e9;
    }
}
