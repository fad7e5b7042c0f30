package consulting.lmx.conversation.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.RawHttp;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TcpProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Exports of a conversation in a document of maximum size, from the packaged jar with a heap of 256 MiB. */
class ExportIT {

    private static final int MESSAGES = 450;
    private static final int LONG = 32 * 1024;
    private static final int READERS = 20;
    private static final int BEGINNING = 1_000;
    private static final int SOME = 256 * 1024;

    private final String name = TestServer.newDatabase();
    private final MongoClient client = MongoClients.create(TestServer.uri());

    @BeforeEach
    void insert() {
        Document message = new Document("role", "user").append("content", "a".repeat(LONG));
        client.getDatabase(name)
                .getCollection("conversations")
                .insertOne(Document.parse("{conversationId: 'c', sessionId: 's', userId: 'ann'}")
                        .append("messages", Collections.nCopies(MESSAGES, message)));
    }

    @AfterEach
    void drop() {
        client.getDatabase(name).drop();
        client.close();
    }

    private static RawHttp begin(Service service) throws IOException {
        return new RawHttp(service.uri("").getPort())
                .request(
                        "GET /api/conversation/c/export HTTP/1.1\nAuthorization: Bearer " + Tokens.of("ann"),
                        new byte[0]);
    }

    @Test
    void manySlowReadersFitIntoASmallHeap() throws Exception {
        try (Service service = Service.start(Service.settings(name)).awaitReady()) {
            List<RawHttp> readers = new ArrayList<>();
            List<ByteArrayOutputStream> beginnings = new ArrayList<>();
            for (int i = 0; i < READERS; i++) {
                readers.add(begin(service));
                beginnings.add(new ByteArrayOutputStream());
                beginnings.get(i).writeBytes(readers.get(i).read(BEGINNING));
            }
            assertThat(service.status("/q/health/ready")).isEqualTo(200);
            for (int i = 0; i < READERS; i++) {
                for (int j = i + 1; j < READERS; j++) { // the service disconnects a client that reads nothing for 30 s
                    beginnings.get(j).writeBytes(readers.get(j).read(SOME));
                }
                RawHttp.Answer answer = readers.get(i).answer(beginnings.get(i).toByteArray());
                assertThat(answer.whole()).as("reader %d", i).isTrue();
                assertThat(answer.body()).hasSizeGreaterThan(MESSAGES * LONG);
                readers.get(i).close();
            }
            assertThat(service.log()).doesNotContain("OutOfMemory");
        }
    }

    @Test
    void databaseThatIsLostIsAProblemBeforeTheFirstByteAndABreakAfterIt() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(TestServer.uri());
                Service service = Service.start(settings(proxy)).awaitReady();
                RawHttp reader = begin(service)) {
            byte[] beginning = reader.read(BEGINNING);
            proxy.cut();
            assertThat(reader.answer(beginning).whole()).isFalse();

            HttpResponse<String> refused =
                    service.get("/api/conversation/c/export", "Authorization", "Bearer " + Tokens.of("ann"));
            assertThat(refused.statusCode()).isEqualTo(503);
            assertThat(refused.headers().firstValue("Content-Type")).contains("application/problem+json");
            assertThat(refused.headers().firstValue("Content-Disposition")).isEmpty();
            assertThat(Document.parse(refused.body())).containsKeys("title", "detail", "errorId");
        }
    }

    private Map<String, String> settings(TcpProxy proxy) {
        Map<String, String> settings = new HashMap<>(Service.settings(name));
        settings.put("MONGODB_URI", proxy.uri());
        settings.put("QUARKUS_MONGODB_SERVER_SELECTION_TIMEOUT", "1S");
        return settings;
    }
}
