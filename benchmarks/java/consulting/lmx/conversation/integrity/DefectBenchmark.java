package consulting.lmx.conversation.integrity;

import consulting.lmx.conversation.integrity.engine.model.Defect;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.bson.BsonBinary;
import org.bson.BsonInt32;
import org.bson.BsonNull;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** The classification of each key that a heal reads: whether it is broken, and how. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@Fork(2)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class DefectBenchmark {

    @Param({"sound", "missing", "null", "blank", "binary-uuid", "not-a-string"})
    String key;

    private BsonValue value;

    @Setup
    public void make() {
        value = switch (key) {
            case "sound" -> new BsonString(UUID.randomUUID().toString());
            case "missing" -> null;
            case "null" -> BsonNull.VALUE;
            case "blank" -> new BsonString(" \u3000\t");
            case "binary-uuid" -> new BsonBinary(UUID.randomUUID());
            default -> new BsonInt32(1);
        };
        String found = Defect.of(value).map(Defect::word).orElse("sound");
        if (!found.equals(key)) {
            throw new IllegalStateException(key + " is told to be " + found);
        }
    }

    @Benchmark
    public Optional<Defect> classify() {
        return Defect.of(value);
    }
}
