package consulting.lmx.conversation.testsupport;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/** One connection of HTTP/1.1 that is kept alive and never tries anything again, so that a lost request is seen as lost. */
public final class RawConnection implements AutoCloseable {

    private final URI address;
    private final Socket socket;
    private final InputStream in;

    /** What came back; {@code last} where the server said that it closes the connection. */
    public record Answer(int status, boolean last, String body) {}

    /**
     * Connects.
     *
     * @throws java.net.ConnectException where nobody listens
     */
    public RawConnection(URI address) throws IOException {
        this.address = address;
        this.socket = new Socket(InetAddress.getByName(address.getHost()), address.getPort());
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(30_000);
        this.in = new BufferedInputStream(socket.getInputStream());
    }

    /** Sends a POST of JSON and reads the answer whole. */
    public Answer post(String path, String token, String body) throws IOException {
        begin(path, token, body);
        return end(body);
    }

    /** Sends a POST of JSON but for the last byte of its body. */
    public void begin(String path, String token, String body) throws IOException {
        byte[] content = body.getBytes(StandardCharsets.UTF_8);
        String head = """
                POST %s HTTP/1.1
                Host: %s
                Content-Type: application/json
                Authorization: Bearer %s
                Content-Length: %d

                """.formatted(path, address.getAuthority(), token, content.length);
        ByteArrayOutputStream request = new ByteArrayOutputStream();
        request.write(head.replace("\n", "\r\n").getBytes(StandardCharsets.US_ASCII));
        request.write(content, 0, content.length - 1);
        socket.getOutputStream().write(request.toByteArray());
    }

    /** Sends the last byte of a body that was begun, and reads the answer whole. */
    public Answer end(String body) throws IOException {
        finish(body);
        return answer();
    }

    /** Sends the last byte of a body that was begun. */
    public void finish(String body) throws IOException {
        byte[] content = body.getBytes(StandardCharsets.UTF_8);
        socket.getOutputStream().write(content, content.length - 1, 1);
    }

    /** Reads an answer whole. */
    public Answer answer() throws IOException {
        int status = Integer.parseInt(line().split(" ")[1]);
        int length = 0;
        boolean last = false;
        for (String header = line(); !header.isEmpty(); header = line()) {
            String lower = header.toLowerCase(Locale.ROOT);
            if (lower.startsWith("content-length:")) {
                length = Integer.parseInt(
                        header.substring(header.indexOf(':') + 1).strip());
            }
            last |= lower.equals("connection: close");
        }
        byte[] body = in.readNBytes(length);
        if (body.length < length) {
            throw new EOFException("The answer ended after " + body.length + " of " + length + " bytes");
        }
        return new Answer(status, last, new String(body, StandardCharsets.UTF_8));
    }

    private String line() throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c != '\n'; c = in.read()) {
            if (c < 0) {
                throw new EOFException("The connection was closed where an answer was due");
            }
            line.append((char) c);
        }
        return line.toString().strip();
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
