package consulting.lmx.conversation.mongo;

import static org.assertj.core.api.Assertions.assertThat;

import consulting.lmx.conversation.testsupport.RewritingProxy;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.net.http.HttpResponse;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** An overloaded database, a change of the primary and a late acknowledgement are 503 on every route, temporarily. */
class UnavailableIT {

    private static final List<String> COMMANDS =
            List.of("find", "aggregate", "insert", "update", "findAndModify", "delete");

    private final String[] ann = {"Authorization", "Bearer " + Tokens.of("ann")};
    private RewritingProxy proxy;
    private Service service;

    @BeforeEach
    void start() throws Exception {
        proxy = RewritingProxy.to(TestServer.uri());
        Map<String, String> settings = new HashMap<>(Service.settings(TestServer.newDatabase()));
        settings.put("MONGODB_URI", proxy.uri());
        service = Service.start(settings).awaitReady();
    }

    @AfterEach
    void stop() throws Exception {
        service.close();
        proxy.close();
    }

    private void refuse(BsonDocument error) {
        COMMANDS.forEach(command -> proxy.instead(command, question -> error));
    }

    private void serve() {
        COMMANDS.forEach(command -> proxy.instead(command, question -> null));
    }

    private HttpResponse<String> send(String... headers) throws Exception {
        return service.post("/api/conversation/mine/message", "{\"content\": \"a\"}", headers);
    }

    private static void assertUnavailable(HttpResponse<String> answer) {
        assertThat(answer.statusCode()).as(answer.uri() + " " + answer.body()).isEqualTo(503);
        assertThat(answer.headers().firstValue("Retry-After")).isPresent();
        assertThat(answer.body()).contains("The database is not available").doesNotContain("rewritten");
    }

    @ParameterizedTest
    @CsvSource({"462, IngressRequestRateLimitExceeded", "16500, RequestRateTooLarge", "10107, NotWritablePrimary"})
    void everyRouteAnswers503AndRecovers(int code, String name) throws Exception {
        assertThat(send(ann).statusCode()).isEqualTo(201);
        refuse(RewritingProxy.error(code, name)
                .append("errorLabels", new BsonArray(List.of(new BsonString("SystemOverloadedError")))));

        assertUnavailable(send(ann));
        assertUnavailable(service.post("/api/conversation/start", "{}", ann));
        assertUnavailable(service.get("/api/conversation/mine", ann));
        assertUnavailable(service.get("/api/conversation", ann));
        assertUnavailable(service.get("/api/conversation/mine/messages", ann));
        assertUnavailable(service.delete("/api/conversation/mine", ann));

        serve();
        assertThat(send(ann).statusCode()).isEqualTo(200);
        assertThat(service.status("/q/health/live")).isEqualTo(200);
    }

    /** The write may be rolled back. The idempotency key makes a retry safe. */
    @Test
    void unacknowledgedWriteIs503AndSafeToRetry() throws Exception {
        assertThat(send(ann).statusCode()).isEqualTo(201);
        String[] keyed = {ann[0], ann[1], "Idempotency-Key", "k"};
        proxy.answer("findAndModify", RewritingProxy::unacknowledged);
        assertUnavailable(send(keyed));
        proxy.answer("findAndModify", answer -> {
            answer.remove("writeConcernError");
            return answer;
        });
        assertThat(send(keyed).statusCode()).isEqualTo(200);
        assertThat(Document.parse(service.get("/api/conversation/mine", ann).body())
                        .getInteger("messageCount"))
                .isEqualTo(2);
    }
}
