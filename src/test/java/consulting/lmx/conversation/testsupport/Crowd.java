package consulting.lmx.conversation.testsupport;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/** Many connections of clients that send what the server takes, and read nothing of what it answers. */
public final class Crowd implements AutoCloseable {

    private static final int SMALL_WINDOW = 4 * 1024;

    private final Selector selector;
    private final List<SocketChannel> sockets = new ArrayList<>();

    private Crowd() throws IOException {
        selector = Selector.open();
    }

    /** Connects {@code size} clients; each sends its bytes while {@link #send} is called. */
    public static Crowd of(int size, int port, IntFunction<byte[]> bytes) throws IOException {
        Crowd crowd = new Crowd();
        for (int i = 0; i < size; i++) {
            SocketChannel socket = SocketChannel.open();
            socket.setOption(StandardSocketOptions.SO_RCVBUF, SMALL_WINDOW);
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
            socket.configureBlocking(false);
            socket.register(crowd.selector, SelectionKey.OP_WRITE, ByteBuffer.wrap(bytes.apply(i)));
            crowd.sockets.add(socket);
        }
        return crowd;
    }

    /** Sends for so long, whatever the server takes. */
    public Crowd send(Duration time) throws IOException {
        long end = System.nanoTime() + time.toNanos();
        for (long left = time.toMillis(); left > 0; left = (end - System.nanoTime()) / 1_000_000) {
            selector.select(Crowd::send, left);
        }
        return this;
    }

    private static void send(SelectionKey key) {
        ByteBuffer bytes = (ByteBuffer) key.attachment();
        try {
            ((SocketChannel) key.channel()).write(bytes);
            if (!bytes.hasRemaining()) {
                key.cancel();
            }
        } catch (IOException closed) {
            key.cancel();
        }
    }

    /** How many connections the server has not closed. Takes a byte of what it sent on each. */
    public long open() {
        return sockets.stream().filter(Crowd::isOpen).count();
    }

    private static boolean isOpen(SocketChannel socket) {
        try {
            return socket.read(ByteBuffer.allocate(1)) >= 0;
        } catch (IOException reset) {
            return false;
        }
    }

    @Override
    public void close() throws IOException {
        for (SocketChannel socket : sockets) {
            socket.close();
        }
        selector.close();
    }
}
