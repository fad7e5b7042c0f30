package consulting.lmx.conversation.testsupport;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/** Where an identity provider has its JWKS: a real HTTP server, that can also be down, slow, or wrong. */
public final class KeyServer implements AutoCloseable {

    private final AtomicInteger reads = new AtomicInteger();
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final int port;
    private HttpServer server;
    private volatile HttpHandler answer = exchange -> exchange.sendResponseHeaders(404, -1);

    private KeyServer(int port) {
        this.port = port;
    }

    /** One that is up. */
    public static KeyServer start() throws IOException {
        KeyServer server = new KeyServer(MongodProcess.freePort());
        server.up();
        return server;
    }

    /** One that is not up yet. */
    public static KeyServer down() throws IOException {
        return new KeyServer(MongodProcess.freePort());
    }

    public KeyServer up() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 0);
        server.setExecutor(threads);
        server.createContext("/", exchange -> {
            reads.incrementAndGet();
            try (exchange) {
                answer.handle(exchange);
            }
        });
        server.start();
        return this;
    }

    public void stop() {
        if (server != null) {
            server.stop(0);
            server = null;
        }
    }

    public String url() {
        return "http://127.0.0.1:" + port + "/jwks.json";
    }

    /** How often it was asked. */
    public int reads() {
        return reads.get();
    }

    public void publish(SigningKey... keys) {
        publish(SigningKey.jwks(keys));
    }

    public void publish(String text) {
        answer(exchange -> send(exchange, text));
    }

    public void answer(HttpHandler handler) {
        answer = handler;
    }

    public static void send(HttpExchange exchange, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().add("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
    }

    @Override
    public void close() {
        stop();
        threads.shutdownNow();
    }
}
