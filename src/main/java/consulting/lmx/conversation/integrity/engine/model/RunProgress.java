package consulting.lmx.conversation.integrity.engine.model;

import java.time.Instant;
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

/** What one run has found and done so far. The steps write it; the report, the probe and the metrics read it at any time. */
public final class RunProgress {

    private static final Logger LOG = Logger.getLogger(RunProgress.class);

    private static final int MAX_EXCEPTIONS = 100;
    private static final int MAX_ID_LENGTH = 200;

    /** The counts of one key, by defect. */
    public static final class KeyCounts {
        private final Map<Defect, Long> broken = new ConcurrentHashMap<>();
        private final Map<Defect, Long> healed = new ConcurrentHashMap<>();

        private KeyCounts() {}

        public void found(Defect defect, long n) {
            broken.merge(defect, n, Long::sum);
        }

        public Map<String, Long> brokenByWord() {
            return byWord(broken);
        }

        public Map<String, Long> healedByWord() {
            return byWord(healed);
        }

        public long totalHealed() {
            return healed.values().stream().mapToLong(Long::longValue).sum();
        }

        private static Map<String, Long> byWord(Map<Defect, Long> counts) {
            Map<String, Long> byWord = new LinkedHashMap<>();
            for (Defect defect : Defect.values()) {
                byWord.put(defect.word(), counts.getOrDefault(defect, 0L));
            }
            return byWord;
        }
    }

    private final String run;
    private final Instant startedAt;
    private final ObjLongConsumer<Defect> onHealed;
    private final Map<String, KeyCounts> keys = new LinkedHashMap<>();
    private final AtomicLong scanned = new AtomicLong();
    private final AtomicLong expected = new AtomicLong();
    private final LongAdder deleted = new LongAdder();
    private final Set<String> repairedWithoutRecord = ConcurrentHashMap.newKeySet();
    private final Set<String> notRepaired = ConcurrentHashMap.newKeySet();
    private long scanStart;
    private long lastWrite;
    private long previousScans;
    private volatile String step = "connect";

    /** @param onHealed is called with the defect and the number of keys each time keys were healed */
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

    public void step(String step) {
        this.step = step;
    }

    public String step() {
        return step;
    }

    /** The progress in one line, for processes that wait for this one. */
    public String summary() {
        return step + ", " + totalHealed() + " healed, " + remaining() + " left";
    }

    public KeyCounts counts(RequiredKey key) {
        return keys.get(key.field());
    }

    /** A document was repaired without its repair record, because both together exceed the server's size limit. */
    public void repairedWithoutRecord(RequiredKey key, BsonValue id, Defect defect) {
        repairedWithoutRecord.add(name(key, id));
        LOG.warnf("event=repaired-without-record run=%s document=\"%s\" reason=%s", run, name(key, id), defect.word());
    }

    /** A document has no room even for the key, so it stays broken. This does not fail the run. */
    public void notRepaired(RequiredKey key, BsonValue id, Defect defect) {
        notRepaired.add(name(key, id));
        LOG.errorf(
                "event=not-repaired run=%s document=\"%s\" reason=%s: the document has the maximum size;"
                        + " make it smaller, then heal again",
                run, name(key, id), defect.word());
    }

    private static String name(RequiredKey key, BsonValue documentId) {
        String id = ExtendedJson.of(new BsonDocument("_id", documentId));
        return key.field() + " of " + (id.length() > MAX_ID_LENGTH ? id.substring(0, MAX_ID_LENGTH) + "…" : id);
    }

    /** The documents that were not repaired with a record, each with what was done instead; at most 100. */
    public List<String> exceptions() {
        return Stream.concat(
                        repairedWithoutRecord.stream().map(document -> document + ": repaired without its record"),
                        notRepaired.stream().map(document -> document + ": not repaired, because it is too large"))
                .limit(MAX_EXCEPTIONS)
                .toList();
    }

    /** How many keys cannot be repaired. */
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

    /** The scan covers a collection of {@code documents}. */
    public void scanned(long documents) {
        scanned.accumulateAndGet(documents, Math::max);
    }

    public long scanned() {
        return scanned.get();
    }

    /** The server acknowledged new values of {@code key} in {@code n} documents. */
    public void healed(RequiredKey key, Defect defect, long n) {
        counts(key).healed.merge(defect, n, Long::sum);
        written();
        onHealed.accept(defect, n);
    }

    /** A count of the collection found {@code broken} keys now. */
    public void countedBroken(long broken) {
        expected.set(totalHealed() + deleted() + broken);
    }

    /** How many counted keys are still broken; 0 before the first count. */
    public long remaining() {
        return Math.max(0, expected.get() - totalHealed() - deleted());
    }

    /** How many keys this run has healed. */
    public long totalHealed() {
        return keys.values().stream().mapToLong(KeyCounts::totalHealed).sum();
    }

    /** The broken keys that this run has found, by reason. */
    public Map<String, Long> brokenByWord() {
        return sums(KeyCounts::brokenByWord);
    }

    /** The keys that this run has healed, by reason. */
    public Map<String, Long> healedByWord() {
        return sums(KeyCounts::healedByWord);
    }

    private Map<String, Long> sums(Function<KeyCounts, Map<String, Long>> counts) {
        Map<String, Long> sums = new LinkedHashMap<>();
        keys.values().forEach(key -> counts.apply(key).forEach((word, n) -> sums.merge(word, n, Long::sum)));
        return sums;
    }

    /** A scan begins. */
    public synchronized void scanning() {
        previousScans += lastWrite - scanStart;
        scanStart = System.nanoTime();
        lastWrite = scanStart;
    }

    private synchronized void written() {
        lastWrite = System.nanoTime();
    }

    /** The duration of all scans, each from its first read to its last acknowledged write. */
    public synchronized double seconds() {
        return (previousScans + lastWrite - scanStart) / 1e9;
    }
}
