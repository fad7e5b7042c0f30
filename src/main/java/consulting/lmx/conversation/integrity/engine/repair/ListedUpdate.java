package consulting.lmx.conversation.integrity.engine.repair;

import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.bson.BsonBinaryWriter;
import org.bson.BsonDocument;
import org.bson.BsonValue;
import org.bson.BsonWriter;
import org.bson.RawBsonDocument;
import org.bson.codecs.BsonValueCodec;
import org.bson.codecs.EncoderContext;
import org.bson.io.BasicOutputBuffer;

/**
 * The filter and the {@code $set} stage of one update that gives each document a different value. Both are encoded once: the
 * driver copies the bytes of a whole raw document, but decodes and encodes a nested one again.
 */
final class ListedUpdate {

    private static final BsonValueCodec ANY = new BsonValueCodec();
    private static final int SHORT_LIST = 16;
    private static final EncoderContext CONTEXT = EncoderContext.builder().build();

    private ListedUpdate() {}

    /** The filter {@code {_id: {$in: [ids]}, …also}}. */
    static RawBsonDocument anyOf(List<Repair> repairs, BsonDocument also) {
        return document(writer -> {
            writer.writeStartDocument("_id");
            writeList(writer, "$in", repairs, ListedUpdate::writeId);
            writer.writeEndDocument();
            writeFields(writer, also);
        });
    }

    /**
     * A stage: {@code {$set: {field: …, …also}}}, which sets {@code field} to the value for the document's {@code _id}. The
     * server searches a list from its start, so long lists are slow. Java sorts ObjectIds as the server does, so they form a
     * binary search over short lists.
     */
    static RawBsonDocument set(String field, List<Repair> repairs, BsonDocument also) {
        boolean sortable = repairs.stream().allMatch(repair -> repair.id().isObjectId());
        return document(writer -> {
            writer.writeStartDocument("$set");
            writer.writeStartDocument(field);
            if (sortable) {
                writeHalves(writer, sorted(repairs));
            } else {
                writeLookup(writer, repairs);
            }
            writer.writeEndDocument();
            writeFields(writer, also);
            writer.writeEndDocument();
        });
    }

    private static void writeFields(BsonWriter writer, BsonDocument fields) {
        fields.forEach((name, value) -> {
            writer.writeName(name);
            ANY.encode(writer, value, CONTEXT);
        });
    }

    private static List<Repair> sorted(List<Repair> repairs) {
        return repairs.stream()
                .sorted(Comparator.comparing(repair -> repair.id().asObjectId()))
                .toList();
    }

    private static void writeHalves(BsonWriter writer, List<Repair> repairs) {
        if (repairs.size() <= SHORT_LIST) {
            writeLookup(writer, repairs);
            return;
        }
        List<Repair> lower = repairs.subList(0, repairs.size() / 2);
        List<Repair> upper = repairs.subList(lower.size(), repairs.size());
        writer.writeStartArray("$cond");
        writer.writeStartDocument();
        writer.writeStartArray("$lt");
        writer.writeString("$_id");
        writeId(writer, upper.get(0));
        writer.writeEndArray();
        writer.writeEndDocument();
        for (List<Repair> half : List.of(lower, upper)) {
            writer.writeStartDocument();
            writeHalves(writer, half);
            writer.writeEndDocument();
        }
        writer.writeEndArray();
    }

    private static void writeLookup(BsonWriter writer, List<Repair> repairs) {
        writer.writeStartArray("$arrayElemAt");
        writeLiteral(writer, repairs, (out, repair) -> out.writeString(repair.value()));
        writer.writeStartDocument();
        writer.writeStartArray("$indexOfArray");
        writeLiteral(writer, repairs, ListedUpdate::writeId);
        writer.writeString("$_id");
        writer.writeEndArray();
        writer.writeEndDocument();
        writer.writeEndArray();
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
}
