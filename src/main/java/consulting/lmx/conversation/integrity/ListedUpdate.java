package consulting.lmx.conversation.integrity;

import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.bson.BsonBinaryWriter;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.bson.BsonWriter;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonValueCodec;
import org.bson.codecs.EncoderContext;
import org.bson.io.BasicOutputBuffer;

/**
 * The lists of one update that gives each of its documents a value of its own: written once, to bytes that the driver only
 * copies. The ids and the values stand in the same order.
 */
final class ListedUpdate {

    private static final BsonValueCodec ANY = new BsonValueCodec();
    private static final EncoderContext CONTEXT = EncoderContext.builder().build();

    private ListedUpdate() {}

    /** {@code {_id: {$in: [ids]}}}. */
    static RawBsonDocument anyOf(List<Repair> repairs) {
        return document(writer -> {
            writer.writeName("_id");
            writer.writeStartDocument();
            writeList(writer, "$in", repairs, ListedUpdate::writeId);
            writer.writeEndDocument();
        });
    }

    /** An expression: the value at the place of the document's {@code _id}. */
    static RawBsonDocument valueOfItsPlace(List<Repair> repairs) {
        return document(writer -> {
            writer.writeStartArray("$arrayElemAt");
            writeLiteral(writer, repairs, (out, repair) -> out.writeString(repair.value()));
            writer.writeStartDocument();
            writer.writeStartArray("$indexOfArray");
            writeLiteral(writer, repairs, ListedUpdate::writeId);
            writer.writeString("$_id");
            writer.writeEndArray();
            writer.writeEndDocument();
            writer.writeEndArray();
        });
    }

    private static void writeLiteral(BsonWriter writer, List<Repair> repairs, BiConsumer<BsonWriter, Repair> each) {
        writer.writeStartDocument();
        writeList(writer, "$literal", repairs, each);
        writer.writeEndDocument();
    }

    private static void writeList(
            BsonWriter writer, String name, List<Repair> repairs, BiConsumer<BsonWriter, Repair> each) {
        writer.writeStartArray(name);
        for (Repair repair : repairs) {
            each.accept(writer, repair);
        }
        writer.writeEndArray();
    }

    private static void writeId(BsonWriter writer, Repair repair) {
        BsonValue id = repair.id();
        if (id.isObjectId()) {
            writer.writeObjectId(id.asObjectId().getValue());
        } else {
            ANY.encode(writer, id, CONTEXT);
        }
    }

    private static RawBsonDocument document(Consumer<BsonWriter> content) {
        try (BasicOutputBuffer bytes = new BasicOutputBuffer();
                BsonBinaryWriter writer = new BsonBinaryWriter(bytes)) {
            writer.writeStartDocument();
            content.accept(writer);
            writer.writeEndDocument();
            return new RawBsonDocument(bytes.getInternalBuffer(), 0, bytes.getPosition());
        }
    }

    /** A value that is taken as it is, whatever it looks like. */
    static BsonDocument literal(String value) {
        return new BsonDocument("$literal", new BsonString(value));
    }
}
