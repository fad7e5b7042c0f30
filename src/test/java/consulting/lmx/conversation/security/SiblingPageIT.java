package consulting.lmx.conversation.security;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.Browser;
import consulting.lmx.conversation.testsupport.KeyServer;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A page of the same site and another origin (here: another port) submits a form with the cookie in a real browser. */
class SiblingPageIT {

    private final String database = TestServer.newDatabase();

    @Test
    void formOfASiblingPageWritesNothing() throws Exception {
        Map<String, String> settings = Service.settings(database);
        try (Browser browser = Browser.start();
                Service service = Service.start(settings).awaitReady();
                KeyServer sibling = KeyServer.start();
                MongoClient client = MongoClients.create(TestServer.uri())) {
            String page = "<form method=post action='" + service.uri("/api/conversation/start") + "'></form>"
                    + "<script>document.forms[0].submit()</script>";
            sibling.answer(exchange -> {
                exchange.getResponseHeaders().add("Content-Type", "text/html");
                exchange.sendResponseHeaders(200, page.length());
                exchange.getResponseBody().write(page.getBytes(StandardCharsets.US_ASCII));
            });
            browser.openAs(Tokens.of("ann"), service.uri("/"));
            browser.open(URI.create(sibling.url()));
            browser.awaitText("body", "not accepted with the cookie");
            assertThat(client.getDatabase(database)
                            .getCollection("conversations")
                            .countDocuments())
                    .isZero();
            client.getDatabase(database).drop();
        }
    }
}
