package consulting.lmx.conversation.store;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.concurrent.TimeUnit;
import org.bson.BsonBinaryReader;
import org.bson.BsonBinaryWriter;
import org.bson.BsonObjectId;
import org.bson.codecs.DecoderContext;
import org.bson.codecs.EncoderContext;
import org.bson.io.BasicOutputBuffer;
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

/** Decodes and encodes a conversation from and to the bytes of the driver. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@Fork(2)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class CodecBenchmark {

    private static final EncoderContext ENCODING = EncoderContext.builder().build();
    private static final DecoderContext DECODING = DecoderContext.builder().build();

    @Param({"10", "200"})
    int messages;

    private final ConversationCodec codec = new ConversationCodec();
    private final BasicOutputBuffer sent = new BasicOutputBuffer(1 << 16);
    private Conversation conversation;
    private byte[] stored;

    @Setup
    public void store() {
        conversation = new Conversation("a53c92d1-0c5b-4a63-9d9e-6b1b2d6c1f7a", SessionId.random(), "caller");
        conversation.id = new BsonObjectId();
        conversation.messages = Collections.nCopies(
                messages, new Message("user", "How do I reset my password, please?", conversation.createdAt, null));
        encode();
        stored = sent.toByteArray();
    }

    @Benchmark
    public int encode() {
        sent.truncateToPosition(0);
        codec.encode(new BsonBinaryWriter(sent), conversation, ENCODING);
        return sent.getPosition();
    }

    @Benchmark
    public Conversation decode() {
        return codec.decode(new BsonBinaryReader(ByteBuffer.wrap(stored)), DECODING);
    }
}
