package consulting.lmx.conversation.http.connection;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.impl.HttpUtils;
import io.vertx.core.http.impl.VertxHttpRequestDecoder;
import io.vertx.core.http.impl.headers.HeadersMultiMap;
import java.util.List;
import java.util.function.BiConsumer;

/**
 * Decodes only what the {@link Connection} can take now; the rest stays as it came. Vert.x's own decoder turns all bytes of a
 * read into requests at once, each of them many times as large, and answers them whether or not the client reads.
 */
final class RequestDecoder extends VertxHttpRequestDecoder {

    /** A short header, or cookie, takes thirty times its bytes. More than these are answered with 431. */
    private static final int MAX_HEADERS = 100;

    private static final int MAX_COOKIES = 200;

    /** How many bytes of what cannot be taken yet are read. */
    private static final int MAX_BUFFERED = 4096;

    private final Connection connection;
    private boolean inHead;

    RequestDecoder(HttpServerOptions options, Connection connection) {
        super(options);
        this.connection = connection;
    }

    @Override
    protected HttpMessage createMessage(String[] line) {
        inHead = true;
        return new DefaultHttpRequest(
                HttpVersion.valueOf(line[2]),
                HttpMethod.valueOf(line[0]),
                line[1],
                new HeadersMultiMap(new HeaderCheck()));
    }

    @Override
    protected void decode(ChannelHandlerContext context, ByteBuf in, List<Object> out) throws Exception {
        if (connection.takesMore()) {
            super.decode(context, in, out);
            inHead &= out.isEmpty();
        }
    }

    /** Whether a part of a head has come. */
    boolean isInHead() {
        return inHead || actualReadableBytes() > 0;
    }

    /** Whether the client has to wait with what it sends. */
    boolean isFull() {
        return actualReadableBytes() >= MAX_BUFFERED;
    }

    /** Decodes what had to stay. */
    void resume(ChannelHandlerContext context) {
        try {
            channelRead(context, Unpooled.EMPTY_BUFFER);
            context.fireChannelReadComplete();
        } catch (Exception e) {
            context.fireExceptionCaught(e);
        }
    }

    /** Without the read that Netty asks for while reading is off and nothing was decoded. */
    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        discardSomeReadBytes();
        context.fireChannelReadComplete();
    }

    /** Of one request. */
    private static final class HeaderCheck implements BiConsumer<CharSequence, CharSequence> {

        private int headers;
        private long cookies;

        @Override
        public void accept(CharSequence name, CharSequence value) {
            headers++;
            if (HttpHeaderNames.COOKIE.contentEqualsIgnoreCase(name)) {
                cookies += 1 + value.chars().filter(c -> c == ';').count();
            }
            if (headers > MAX_HEADERS || cookies > MAX_COOKIES) {
                throw new TooLongHttpHeaderException("More headers or cookies than allowed");
            }
            HttpUtils.validateHeader(name, value);
        }
    }
}
