package consulting.lmx.conversation.testsupport;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;

/** Stands between a client and the first host of an address, and can be cut, paused and restored. */
public final class TcpProxy implements AutoCloseable {

    private final String host;
    private final int port;
    private final ServerSocket server;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private volatile boolean cut;
    private volatile CountDownLatch flowing = new CountDownLatch(0);

    private TcpProxy(String host, int port) throws IOException {
        this.host = host;
        this.port = port;
        this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        daemon(this::accept);
    }

    public static TcpProxy to(String uri) throws IOException {
        String[] address = uri.replaceFirst("^[a-z]+://", "").split("[/?,]")[0].split(":");
        return new TcpProxy(address[0], Integer.parseInt(address[1]));
    }

    /** Where it listens. */
    public int port() {
        return server.getLocalPort();
    }

    /** A connection string that leads through the proxy, and nowhere else. */
    public String uri() {
        return "mongodb://127.0.0.1:" + server.getLocalPort() + "/?directConnection=true";
    }

    /** Ends every connection, and each new one at once. */
    public void cut() {
        cut = true;
        open.forEach(TcpProxy::close);
    }

    /** Keeps every connection, and hands on nothing more until it is restored. */
    public void pause() {
        flowing = new CountDownLatch(1);
    }

    public void restore() {
        cut = false;
        flowing.countDown();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket client = server.accept();
                if (cut) {
                    client.close();
                    continue;
                }
                Socket target = new Socket(host, port);
                open.add(client);
                open.add(target);
                daemon(() -> pump(client, target));
                daemon(() -> pump(target, client));
            } catch (IOException e) {
                if (!server.isClosed()) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    private void pump(Socket from, Socket to) {
        try (InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream()) {
            byte[] part = new byte[8192];
            for (int n = in.read(part); n >= 0; n = in.read(part)) {
                flowing.await();
                out.write(part, 0, n);
            }
        } catch (IOException e) {
            // one of the two was closed: the other one ends with it
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            close(from);
            close(to);
        }
    }

    private static void daemon(Runnable work) {
        Thread thread = new Thread(work, "tcp-proxy");
        thread.setDaemon(true);
        thread.start();
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
        open.forEach(TcpProxy::close);
    }
}
