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
 * Decodes only what the {@link Connection} accepts now, and keeps the other bytes undecoded. The decoder of Vert.x turns all
 * bytes of a read into requests at once, many times as large, whether or not the client reads the responses.
 */
final class RequestDecoder extends VertxHttpRequestDecoder {

    /** Maximum of headers; more are answered with 431. A short header takes thirty times its bytes of heap. */
    private static final int MAX_HEADERS = 100;

    /** The same for cookies. */
    private static final int MAX_COOKIES = 200;

    /** Maximum of undecoded bytes, beyond which reading stops. */
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

    /** Whether a part of a head has arrived. */
    boolean isInHead() {
        return inHead || actualReadableBytes() > 0;
    }

    /** Whether reading from the client has to stop. */
    boolean isFull() {
        return actualReadableBytes() >= MAX_BUFFERED;
    }

    /** Decodes the bytes that were kept. */
    void resume(ChannelHandlerContext context) {
        try {
            channelRead(context, Unpooled.EMPTY_BUFFER);
            context.fireChannelReadComplete();
        } catch (Exception e) {
            context.fireExceptionCaught(e);
        }
    }

    /** Does not request another read while reading is off, unlike the method of Netty. */
    @Override
    public void channelReadComplete(ChannelHandlerContext context) {
        discardSomeReadBytes();
        context.fireChannelReadComplete();
    }

    /** Counts the headers of one request. */
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
                throw new TooLongHttpHeaderException("Too many headers or cookies");
            }
            HttpUtils.validateHeader(name, value);
        }
    }
}
