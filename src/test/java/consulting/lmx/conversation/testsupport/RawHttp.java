package consulting.lmx.conversation.testsupport;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** One request over a connection of its own, as bytes: for what no client would send, and for one who reads slowly. */
public final class RawHttp implements AutoCloseable {

    private static final int SMALL_WINDOW = 16 * 1024;

    private final Socket socket = new Socket();

    /** What came back, up to the end of the connection; {@code whole} where the body is all that was announced. */
    public record Answer(int status, String head, byte[] body, boolean whole) {

        public String text() {
            return new String(body, StandardCharsets.UTF_8);
        }

        /** The value of a header; empty where there is none. */
        public Optional<String> header(String name) {
            return head.lines()
                    .filter(line -> line.toLowerCase(Locale.ROOT).startsWith(name.toLowerCase(Locale.ROOT) + ":"))
                    .map(line -> line.substring(name.length() + 1).strip())
                    .findFirst();
        }
    }

    /** Connects, with little room for what is not read yet. */
    public RawHttp(int port) throws IOException {
        socket.setReceiveBufferSize(SMALL_WINDOW);
        socket.setSoTimeout(60_000);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
    }

    /** Sends a request line with headers, by lines, to which those are added without which there is no answer, and a body. */
    public static Answer send(int port, String head, byte[] body) throws IOException {
        try (RawHttp http = new RawHttp(port)) {
            return http.request(head, body).answer();
        }
    }

    /** Sends it and does not wait for an answer. */
    public RawHttp request(String head, byte[] body) throws IOException {
        ByteArrayOutputStream request = new ByteArrayOutputStream();
        String lines = head.strip() + "\nHost: localhost\nConnection: close"
                + (body.length > 0 ? "\nContent-Length: " + body.length : "");
        for (String line : lines.split("\n")) {
            request.writeBytes((line.strip() + "\r\n").getBytes(StandardCharsets.ISO_8859_1));
        }
        request.writeBytes("\r\n".getBytes(StandardCharsets.ISO_8859_1));
        request.writeBytes(body);
        return write(request.toByteArray());
    }

    /** Sends bytes as they are. */
    public RawHttp write(byte[] bytes) throws IOException {
        try {
            socket.getOutputStream().write(bytes);
        } catch (SocketException refusedBeforeItWasSent) {
            // the answer says why
        }
        return this;
    }

    /** Takes exactly {@code n} bytes of the answer, and leaves the rest where it is. */
    public byte[] read(int n) throws IOException {
        return socket.getInputStream().readNBytes(n);
    }

    /** All that comes. */
    public Answer answer() throws IOException {
        return answer(new byte[0]);
    }

    /** All that comes after what was read already. */
    public Answer answer(byte[] before) throws IOException {
        return parse(rest(before));
    }

    /** Each answer that comes until the connection is closed, where they say their lengths. */
    public List<Answer> answers() throws IOException {
        List<Answer> answers = new ArrayList<>();
        String rest = rest(new byte[0]);
        while (!rest.isEmpty()) {
            int end = rest.indexOf("\r\n\r\n") + 4;
            Answer head = parse(rest.substring(0, end));
            int next =
                    end + head.header("content-length").map(Integer::parseInt).orElse(0);
            answers.add(parse(rest.substring(0, next)));
            rest = rest.substring(next);
        }
        return answers;
    }

    private String rest(byte[] before) throws IOException {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.write(before);
        InputStream in = socket.getInputStream();
        byte[] some = new byte[64 * 1024];
        try {
            for (int n = in.read(some); n >= 0; n = in.read(some)) {
                all.write(some, 0, n);
            }
        } catch (SocketException reset) {
            // what came until then is the answer
        }
        return all.toString(StandardCharsets.ISO_8859_1);
    }

    private static Answer parse(String answer) {
        int end = answer.indexOf("\r\n\r\n");
        if (end < 0) {
            return new Answer(0, answer, new byte[0], false);
        }
        String head = answer.substring(0, end);
        String body = answer.substring(end + 4);
        int status = Integer.parseInt(head.split(" ")[1]);
        Answer plain = new Answer(status, head, body.getBytes(StandardCharsets.ISO_8859_1), true);
        if (plain.header("transfer-encoding").isPresent()) {
            return unchunked(status, head, body);
        }
        int length = plain.header("content-length").map(Integer::parseInt).orElse(0);
        return new Answer(status, head, plain.body(), body.length() == length);
    }

    private static Answer unchunked(int status, String head, String body) {
        ByteArrayOutputStream content = new ByteArrayOutputStream();
        int at = 0;
        while (true) {
            int line = body.indexOf("\r\n", at);
            int length = line < 0 ? -1 : Integer.parseInt(body.substring(at, line), 16);
            int last = length <= 0 ? at : Math.min(line + 2 + length, body.length());
            if (length > 0) {
                content.writeBytes(body.substring(line + 2, last).getBytes(StandardCharsets.ISO_8859_1));
            }
            if (length <= 0 || last == body.length()) {
                return new Answer(status, head, content.toByteArray(), length == 0);
            }
            at = last + 2;
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
