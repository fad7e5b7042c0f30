package consulting.lmx.conversation.http.connection;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.util.ReferenceCountUtil;
import io.vertx.core.http.HttpServerOptions;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ConnectionTest {

    private static final int MAX = 4;
    private static final String GET = "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n";
    private static final String POST = "POST /%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n";

    private long now;
    private final SimpleMeterRegistry meters = new SimpleMeterRegistry();
    private final ConnectionLimits limits = new ConnectionLimits(MAX, 100, meters, () -> now);

    /** A log of what the connection passed on. */
    private final List<String> seen = new ArrayList<>();

    /** A client connection with the behaviour of Vert.x. */
    private final class Client {

        private final Connection connection = new Connection(new HttpServerOptions(), limits);
        private final EmbeddedChannel channel;

        Client() {
            channel = new EmbeddedChannel(connection.decoder(), connection, new ChannelInboundHandlerAdapter() {
                @Override
                public void channelRead(ChannelHandlerContext context, Object message) {
                    if (message instanceof HttpRequest request) {
                        seen.add(
                                request.decoderResult().isSuccess()
                                        ? request.uri()
                                        : request.decoderResult()
                                                .cause()
                                                .getClass()
                                                .getSimpleName());
                    } else if (message instanceof HttpContent content
                            && content.content().isReadable()) {
                        seen.add(content.content().toString(StandardCharsets.US_ASCII));
                    }
                    if (message instanceof LastHttpContent) {
                        seen.add("end");
                    }
                    ReferenceCountUtil.release(message);
                }
            });
        }

        Client send(String text) {
            channel.writeInbound(Unpooled.copiedBuffer(text, StandardCharsets.US_ASCII));
            return this;
        }

        void answer(HttpResponseStatus status) {
            channel.writeOutbound(new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status));
            channel.runPendingTasks();
        }

        void wantBody(boolean wanted) {
            connection.wantBody(wanted);
            channel.runPendingTasks();
        }

        boolean isOpen() {
            channel.runPendingTasks();
            return channel.isOpen();
        }
    }

    private void pass(Duration time) {
        now += time.toNanos();
        limits.sweep();
    }

    private double closed(String reason) {
        return meters.get("conversations.connections.closed")
                .tag("reason", reason)
                .counter()
                .count();
    }

    @Test
    void nextRequestIsDecodedAfterTheResponse() {
        Client client = new Client().send(GET.formatted("1") + GET.formatted("2") + GET.formatted("3"));
        assertThat(seen).containsExactly("/1", "end");
        client.answer(HttpResponseStatus.OK);
        assertThat(seen).containsExactly("/1", "end", "/2", "end");
        client.answer(HttpResponseStatus.CONTINUE);
        assertThat(seen).hasSize(4);
        client.answer(HttpResponseStatus.OK);
        assertThat(seen).contains("/3");
    }

    @Test
    void pipelinedRequestsAreNotRead() {
        Client client = new Client().send(GET.formatted("1"));
        assertThat(client.channel.config().isAutoRead()).isTrue();
        client.send(GET.formatted("a".repeat(3_000)) + GET.formatted("b".repeat(3_000)));
        assertThat(client.channel.config().isAutoRead()).isFalse();
        client.answer(HttpResponseStatus.OK);
        assertThat(client.channel.config().isAutoRead()).isTrue();
    }

    @Test
    void bodyIsReadOnDemand() {
        Client client = new Client().send(POST.formatted("1", 6) + "ab");
        assertThat(seen).containsExactly("/1");
        client.wantBody(true);
        assertThat(seen).containsExactly("/1", "ab");
        client.wantBody(false);
        client.send("cd");
        assertThat(seen).containsExactly("/1", "ab");
        client.wantBody(true);
        client.send("ef");
        assertThat(seen).containsExactly("/1", "ab", "cd", "ef", "end");
    }

    @Test
    void restOfAnAnsweredBodyIsDiscarded() {
        Client client = new Client().send(POST.formatted("1", 4) + "ab");
        client.answer(HttpResponseStatus.UNAUTHORIZED);
        client.send("cd" + GET.formatted("2"));
        assertThat(seen).containsExactly("/1", "end", "/2", "end");
        assertThat(client.isOpen()).isTrue();
    }

    @Test
    void endlessAnsweredBodyClosesTheConnection() {
        Client client = new Client().send(POST.formatted("1", 4) + "ab");
        client.answer(HttpResponseStatus.UNAUTHORIZED);
        client.send("c");
        pass(ConnectionLimits.REST_TIMEOUT);
        assertThat(client.isOpen()).isTrue();
        pass(Duration.ofSeconds(1));
        assertThat(client.isOpen()).isFalse();
        assertThat(closed("body-timeout")).isEqualTo(1);
    }

    @Test
    void requestThatTimedOutClosesItsConnection() {
        Client client = new Client().send(POST.formatted("1", 4) + "ab");
        client.answer(HttpResponseStatus.REQUEST_TIMEOUT);
        assertThat(client.isOpen()).isFalse();
    }

    @Test
    void moreThanAHundredHeadersAreRejected() {
        new Client().send("GET /1 HTTP/1.1\r\n" + "a: b\r\n".repeat(101) + "\r\n");
        assertThat(seen).containsExactly(TooLongHttpHeaderException.class.getSimpleName());
    }

    @Test
    void moreThanTwoHundredCookiesAreRejected() {
        new Client().send("GET /1 HTTP/1.1\r\nCookie: " + "a=b; ".repeat(200) + "c=d\r\n\r\n");
        assertThat(seen).containsExactly(TooLongHttpHeaderException.class.getSimpleName());
    }

    @Test
    void hundredHeadersAreTaken() {
        new Client().send("GET /1 HTTP/1.1\r\n" + "a: b\r\n".repeat(100) + "\r\n");
        assertThat(seen).containsExactly("/1", "end");
    }

    @Test
    void headThatTakesTooLongLosesItsConnection() {
        Client client = new Client().send("GET /1 HTT");
        Client idle = new Client();
        Client next = new Client().send(GET.formatted("2"));
        pass(ConnectionLimits.HEAD_TIMEOUT.plusSeconds(1));
        assertThat(client.isOpen()).isFalse();
        assertThat(idle.isOpen()).isTrue();
        assertThat(next.isOpen()).isTrue();
        assertThat(closed("head-timeout")).isEqualTo(1);
    }

    @Test
    void newConnectionReplacesTheOldestWaitingOne() {
        Client busy = new Client().send(GET.formatted("1"));
        Client idle = new Client();
        Client body = new Client().send(POST.formatted("2", 4) + "ab");
        Client head = new Client().send("GET /3 HTT");
        pass(ConnectionLimits.GRACE.plusMillis(1));
        Client fifth = new Client();
        assertThat(head.isOpen()).isFalse();
        Client sixth = new Client();
        assertThat(body.isOpen()).isFalse();
        new Client().send(GET.formatted("7"));
        assertThat(idle.isOpen()).isFalse();
        assertThat(List.of(busy, fifth, sixth)).allMatch(Client::isOpen);
        assertThat(limits.open()).isEqualTo(MAX);
        assertThat(closed("connections")).isEqualTo(3);
    }

    @Test
    void newRequestIsNotClosedForANewConnection() {
        Client idle = new Client();
        List<Client> begun = List.of(
                new Client().send("GET /1 HTT"),
                new Client().send("GET /2 HTT"),
                new Client().send(POST.formatted("3", 4)));
        new Client();
        assertThat(idle.isOpen()).isFalse();
        assertThat(begun).allMatch(Client::isOpen);
    }

    @Test
    void newConnectionIsClosedIfAllOthersAreBusy() {
        for (int i = 0; i < MAX; i++) {
            new Client().send(GET.formatted("1"));
        }
        assertThat(new Client().isOpen()).isFalse();
        assertThat(limits.open()).isEqualTo(MAX);
    }

    @Test
    void callbackRunsWithTheResponseOrTheEndOfTheConnection() {
        AtomicInteger calls = new AtomicInteger();
        Client client = new Client().send(GET.formatted("1"));
        client.connection.whenAnswered(calls::incrementAndGet);
        assertThat(calls).hasValue(0);
        client.answer(HttpResponseStatus.OK);
        assertThat(calls).hasValue(1);
        client.send(GET.formatted("2"));
        client.connection.whenAnswered(calls::incrementAndGet);
        client.channel.close();
        assertThat(calls).hasValue(2);
        client.connection.whenAnswered(calls::incrementAndGet);
        assertThat(calls).hasValue(3);
    }

    @Test
    void callbackOfAClientThatIsGoneRunsWhenItsCallEnds() {
        AtomicInteger calls = new AtomicInteger();
        Client client = new Client().send(GET.formatted("1"));
        client.connection.works(true);
        client.connection.whenAnswered(calls::incrementAndGet);
        client.channel.close();
        client.connection.whenAnswered(calls::incrementAndGet);
        assertThat(calls).hasValue(0);
        client.connection.works(false);
        assertThat(calls).hasValue(2);
    }

    /** What is pending does not shrink if the service writes as fast as the client reads. */
    @Test
    void clientIsDisconnectedOnceItReadsNothing() {
        ConnectionLimits generous = new ConnectionLimits(MAX, 1_000_000, meters, () -> now);
        AtomicInteger taken = new AtomicInteger();
        EmbeddedChannel channel = new EmbeddedChannel(new Connection(new HttpServerOptions(), generous)) {
            @Override
            protected void doWrite(ChannelOutboundBuffer pending) {
                while (pending.size() > 1 && pending.remove()) {
                    taken.incrementAndGet();
                }
            }
        };
        channel.writeOutbound(Unpooled.wrappedBuffer(new byte[10]));
        for (int i = 1; i <= 5; i++) {
            channel.writeOutbound(Unpooled.wrappedBuffer(new byte[10 + i]));
            assertThat(taken).hasValue(i);
            now += ConnectionLimits.READER_TIMEOUT.dividedBy(2).toNanos();
            generous.sweep();
            assertThat(channel.isOpen()).isTrue();
        }
        now += ConnectionLimits.READER_TIMEOUT.plusNanos(1).toNanos();
        generous.sweep();
        channel.runPendingTasks();
        assertThat(channel.isOpen()).isFalse();
        assertThat(closed("reader-timeout")).isOne();
    }
}
