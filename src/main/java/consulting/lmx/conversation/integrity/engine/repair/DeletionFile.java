package consulting.lmx.conversation.integrity.engine.repair;

import consulting.lmx.conversation.integrity.engine.model.ExtendedJson;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;
import org.bson.BsonBinaryReader;
import org.bson.BsonBinaryWriter;
import org.bson.RawBsonDocument;
import org.bson.io.BasicOutputBuffer;
import org.bson.json.JsonParseException;
import org.bson.json.JsonReader;
import org.bson.json.JsonWriter;

/**
 * A file of the documents that are about to be deleted, as canonical Extended JSON: one document a line, readable by its
 * owner only. A line begins with {@code {"_id":}, or with the name of the collection if the document is from another one.
 * Each line is read back to prove that it restores the document byte by byte. All methods throw an {@link
 * UncheckedIOException} if the file cannot be written.
 */
final class DeletionFile implements AutoCloseable {

    private static final FileAttribute<?> OWNER_ONLY =
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

    private final Path path;
    private final FileChannel channel;

    /** Opens the file at its end, and creates it if it does not exist. */
    DeletionFile(Path path) {
        this.path = path;
        boolean posix = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
        this.channel = access(() -> FileChannel.open(
                path,
                Set.of(StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE),
                posix ? new FileAttribute<?>[] {OWNER_ONLY} : new FileAttribute<?>[0]));
        access(() -> channel.position(channel.size()));
    }

    private interface FileAccess<T> {
        T run() throws IOException;
    }

    private <T> T access(FileAccess<T> access) {
        try {
            return access.run();
        } catch (IOException e) {
            throw new UncheckedIOException("Nothing more was deleted, because " + path + " cannot be written", e);
        }
    }

    /** The position of the next line. */
    long position() {
        return access(channel::position);
    }

    /** Removes all lines from {@code position} on. */
    void truncate(long position) {
        access(() -> channel.truncate(position));
    }

    /**
     * Adds a line.
     *
     * @param from the collection of the document; null for the main collection
     * @return whether the line restores the document; Extended JSON cannot represent every document
     */
    boolean add(String from, RawBsonDocument document) {
        return access(() -> {
            long start = channel.position();
            // neither stream is closed: both write to the channel
            Writer out = new BufferedWriter(
                    new OutputStreamWriter(Channels.newOutputStream(channel), StandardCharsets.UTF_8));
            write(from, document, out);
            out.write('\n');
            out.flush();
            return isRestored(from, document, start);
        });
    }

    private static void write(String from, RawBsonDocument document, Writer out) {
        JsonWriter json = new JsonWriter(out, ExtendedJson.CANONICAL);
        try (BsonBinaryReader reader =
                new BsonBinaryReader(document.getByteBuffer().asNIO())) {
            if (from != null) {
                json.writeStartDocument();
                json.writeName(from);
            }
            json.pipe(reader);
            if (from != null) {
                json.writeEndDocument();
            }
        }
    }

    private boolean isRestored(String from, RawBsonDocument document, long start) throws IOException {
        long end = channel.position();
        channel.position(start);
        Reader line = Channels.newReader(channel, StandardCharsets.UTF_8);
        try (BasicOutputBuffer bytes = new BasicOutputBuffer();
                BsonBinaryWriter writer = new BsonBinaryWriter(bytes)) {
            JsonReader json = new JsonReader(line);
            if (from != null) {
                json.readStartDocument();
                json.readName();
            }
            writer.pipe(json);
            ByteBuffer read = ByteBuffer.wrap(bytes.getInternalBuffer(), 0, bytes.getPosition());
            return read.equals(document.getByteBuffer().asNIO());
        } catch (JsonParseException | IllegalArgumentException notADocument) {
            return false;
        } finally {
            channel.position(end);
        }
    }

    /** Writes everything to the disk. */
    void sync() {
        access(() -> {
            channel.force(true);
            return null;
        });
    }

    @Override
    public void close() {
        access(() -> {
            channel.close();
            return null;
        });
    }
}
