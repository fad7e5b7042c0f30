package consulting.lmx.conversation.testsupport;

import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.bson.BsonArray;
import org.bson.BsonBinaryReader;
import org.bson.BsonBinaryWriter;
import org.bson.BsonDocument;
import org.bson.BsonDouble;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.ByteBufNIO;
import org.bson.codecs.BsonDocumentCodec;
import org.bson.codecs.DecoderContext;
import org.bson.codecs.EncoderContext;
import org.bson.io.BasicOutputBuffer;
import org.bson.io.ByteBufferBsonInput;

/**
 * Stands between a client and the first host of an address, and rewrites commands and answers: so the same server behaves as
 * another version of it would. It speaks {@code OP_MSG}, and {@code OP_QUERY} for the first command of a connection.
 */
public final class RewritingProxy implements AutoCloseable {

    private static final int HEADER = 16;
    private static final int OP_REPLY = 1;
    private static final int OP_QUERY = 2004;
    private static final int OP_MSG = 2013;
    private static final BsonDocumentCodec CODEC = new BsonDocumentCodec();

    private final String host;
    private final int port;
    private final ServerSocket server;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final Map<String, Function<BsonDocument, BsonDocument>> instead = new ConcurrentHashMap<>();
    private final Map<String, UnaryOperator<BsonDocument>> commands = new ConcurrentHashMap<>();
    private final Map<String, UnaryOperator<BsonDocument>> answers = new ConcurrentHashMap<>();
    private final List<BsonDocument> seen = new CopyOnWriteArrayList<>();

    private RewritingProxy(String host, int port) throws IOException {
        this.host = host;
        this.port = port;
        this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        // a driver that is told no topology version polls, so each question has one answer
        answer("hello", RewritingProxy::withoutTopologyVersion);
        answer("ismaster", RewritingProxy::withoutTopologyVersion);
        daemon(this::accept);
    }

    public static RewritingProxy to(String uri) throws IOException {
        String[] address = uri.replaceFirst("^[a-z]+://", "").split("[/?,]")[0].split(":");
        return new RewritingProxy(address[0], Integer.parseInt(address[1]));
    }

    /** A connection string that leads through the proxy, and nowhere else. */
    public String uri() {
        return "mongodb://127.0.0.1:" + server.getLocalPort() + "/?directConnection=true";
    }

    /** Answers {@code command} itself, unless the function gives null: then the server does. */
    public RewritingProxy instead(String command, Function<BsonDocument, BsonDocument> answer) {
        instead.put(key(command), answer);
        return this;
    }

    /** Changes each {@code command} on its way to the server. */
    public RewritingProxy command(String command, UnaryOperator<BsonDocument> rewrite) {
        commands.put(key(command), rewrite);
        return this;
    }

    /** Changes the server's answer to each {@code command}. */
    public RewritingProxy answer(String command, UnaryOperator<BsonDocument> rewrite) {
        answers.merge(key(command), rewrite, (first, second) -> document -> second.apply(first.apply(document)));
        return this;
    }

    /** All commands that came, as they came. */
    public List<BsonDocument> seen() {
        return seen;
    }

    /** Those with this name. */
    public List<BsonDocument> seen(String command) {
        return seen.stream()
                .filter(one -> key(one.getFirstKey()).equals(key(command)))
                .toList();
    }

    /** How a server refuses a command. */
    public static BsonDocument error(int code, String name) {
        return new BsonDocument("ok", new BsonDouble(0))
                .append("errmsg", new BsonString("rewritten: " + name))
                .append("code", new BsonInt32(code))
                .append("codeName", new BsonString(name));
    }

    /** The answer to a write that was carried out, but that no majority has acknowledged in time. */
    public static BsonDocument unacknowledged(BsonDocument answer) {
        return answer.append(
                "writeConcernError",
                new BsonDocument("code", new BsonInt32(64))
                        .append("codeName", new BsonString("WriteConcernTimeout"))
                        .append("errmsg", new BsonString("rewritten")));
    }

    private static BsonDocument withoutTopologyVersion(BsonDocument hello) {
        hello.remove("topologyVersion");
        return hello;
    }

    private static String key(String command) {
        return command.toLowerCase(Locale.ROOT);
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                Socket target = new Socket(host, port);
                open.add(client);
                open.add(target);
                daemon(() -> serve(client, target));
            } catch (IOException e) {
                if (!server.isClosed()) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    private void serve(Socket client, Socket target) {
        try (client;
                target) {
            DataInputStream questions = new DataInputStream(client.getInputStream());
            DataInputStream replies = new DataInputStream(target.getInputStream());
            while (true) {
                answer(read(questions), client.getOutputStream(), replies, target.getOutputStream());
            }
        } catch (EOFException | SocketException e) {
            // one of the two was closed: the other one ends with it
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private void answer(Message question, OutputStream client, InputStream replies, OutputStream target)
            throws IOException {
        BsonDocument command = question.document();
        String name = key(command.getFirstKey());
        seen.add(command.clone());
        BsonDocument own = instead.getOrDefault(name, document -> null).apply(command.clone());
        if (own != null) {
            question.reply(own).writeTo(client);
            return;
        }
        UnaryOperator<BsonDocument> rewrite = commands.get(name);
        (rewrite == null ? question : question.with(rewrite.apply(command))).writeTo(target);
        Message reply = read(new DataInputStream(replies));
        UnaryOperator<BsonDocument> change = answers.get(name);
        (change == null ? reply : reply.with(change.apply(reply.document()))).writeTo(client);
    }

    /** The bytes of one message. */
    private record Message(byte[] bytes) {

        private int at(int offset) {
            return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(offset);
        }

        private int opcode() {
            return at(12);
        }

        private int endOfString(int offset) {
            int end = offset;
            while (bytes[end] != 0) {
                end++;
            }
            return end;
        }

        /** The command, or its answer. What a driver sends as sequences beside a command stands in it as arrays. */
        BsonDocument document() {
            return switch (opcode()) {
                case OP_REPLY -> decode(HEADER + 20);
                case OP_QUERY -> decode(endOfString(HEADER + 4) + 1 + 8);
                case OP_MSG -> sections();
                default -> throw new IllegalStateException("opcode " + opcode());
            };
        }

        private BsonDocument sections() {
            BsonDocument body = new BsonDocument();
            BsonDocument sequences = new BsonDocument();
            int end = bytes.length - (hasChecksum() ? 4 : 0);
            for (int section = HEADER + 4; section < end; ) {
                int size = at(section + 1);
                if (bytes[section] == 0) {
                    body = decode(section + 1);
                } else {
                    int name = endOfString(section + 5);
                    BsonArray documents = new BsonArray();
                    for (int next = name + 1; next < section + 1 + size; next += at(next)) {
                        documents.add(decode(next));
                    }
                    sequences.append(
                            new String(bytes, section + 5, name - section - 5, StandardCharsets.UTF_8), documents);
                }
                section += 1 + size;
            }
            body.putAll(sequences);
            return body;
        }

        private boolean hasChecksum() {
            return (at(HEADER) & 1) == 1;
        }

        private BsonDocument decode(int offset) {
            ByteBuffer from = ByteBuffer.wrap(bytes, offset, at(offset)).slice();
            try (BsonBinaryReader reader = new BsonBinaryReader(new ByteBufferBsonInput(new ByteBufNIO(from)))) {
                return CODEC.decode(reader, DecoderContext.builder().build());
            }
        }

        /** The same with another document. */
        Message with(BsonDocument document) {
            int head = switch (opcode()) {
                case OP_REPLY -> HEADER + 20;
                case OP_QUERY -> endOfString(HEADER + 4) + 1 + 8;
                default -> HEADER + 5;
            };
            byte[] body = encode(document);
            ByteBuffer all = ByteBuffer.allocate(head + body.length).order(ByteOrder.LITTLE_ENDIAN);
            all.put(bytes, 0, head).put(body).putInt(0, all.capacity());
            if (opcode() == OP_MSG) {
                all.putInt(HEADER, at(HEADER) & ~1).put(HEADER + 4, (byte) 0); // no checksum, and one section
            }
            return new Message(all.array());
        }

        /** An answer to this one. */
        Message reply(BsonDocument document) {
            byte[] body = encode(document);
            boolean old = opcode() == OP_QUERY;
            ByteBuffer all =
                    ByteBuffer.allocate(HEADER + (old ? 20 : 5) + body.length).order(ByteOrder.LITTLE_ENDIAN);
            all.putInt(all.capacity()).putInt(0).putInt(at(4)).putInt(old ? OP_REPLY : OP_MSG);
            if (old) {
                all.putInt(0).putLong(0).putInt(0).putInt(1);
            } else {
                all.putInt(0).put((byte) 0);
            }
            return new Message(all.put(body).array());
        }

        void writeTo(OutputStream out) throws IOException {
            out.write(bytes);
            out.flush();
        }
    }

    private static byte[] encode(BsonDocument document) {
        try (BasicOutputBuffer out = new BasicOutputBuffer();
                BsonBinaryWriter writer = new BsonBinaryWriter(out)) {
            CODEC.encode(writer, document, EncoderContext.builder().build());
            return out.toByteArray();
        }
    }

    private static Message read(DataInputStream in) throws IOException {
        int length = Integer.reverseBytes(in.readInt());
        ByteBuffer all =
                ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN).putInt(length);
        in.readFully(all.array(), 4, length - 4);
        return new Message(all.array());
    }

    private static void daemon(Runnable work) {
        Thread thread = new Thread(work, "rewriting-proxy");
        thread.setDaemon(true);
        thread.start();
    }

    @Override
    public void close() throws IOException {
        server.close();
        for (Socket socket : open) {
            socket.close();
        }
    }
}
