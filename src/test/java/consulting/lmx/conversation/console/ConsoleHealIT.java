package consulting.lmx.conversation.console;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import consulting.lmx.conversation.testsupport.Browser;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.net.URI;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.bson.BsonBinarySubType;
import org.bson.Document;
import org.bson.types.Binary;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The page before the service opens. {@code -Dconsole.documents=200000} heals that many without a rate limit, and prints the
 * delay between the report and the page.
 */
class ConsoleHealIT {

    private static Browser browser;

    private final String name = TestServer.newDatabase();
    private final MongoClient client = MongoClients.create(TestServer.uri());
    private final MongoCollection<Document> conversations =
            client.getDatabase(name).getCollection("conversations");
    private final String admin = Tokens.of("ann", "admin");

    @BeforeAll
    static void start() throws IOException {
        browser = Browser.start();
        browser.look(1440, 900, false);
    }

    @AfterAll
    static void stop() throws IOException {
        if (browser != null) {
            browser.close();
        }
    }

    @AfterEach
    void drop() {
        client.getDatabase(name).drop();
        client.close();
    }

    /** Every other document is broken, in one of five ways in turn. */
    private void insert(int documents) {
        List<Document> batch = new ArrayList<>();
        for (int i = 0; i < documents; i++) {
            Document document = new Document("conversationId", "c" + i).append("userId", "ann");
            batch.add(i % 2 == 0 ? broken(document, i / 2 % 5) : document.append("sessionId", "s" + i));
            if (batch.size() == 5_000) {
                conversations.insertMany(batch);
                batch.clear();
            }
        }
        if (!batch.isEmpty()) {
            conversations.insertMany(batch);
        }
    }

    private static Document broken(Document document, int way) {
        return switch (way) {
            case 0 -> document;
            case 1 -> document.append("sessionId", null);
            case 2 -> document.append("sessionId", "  ");
            case 3 -> document.append("sessionId", new Binary(BsonBinarySubType.UUID_STANDARD, randomBytes()));
            default -> document.append("sessionId", 4711);
        };
    }

    private static byte[] randomBytes() {
        UUID uuid = UUID.randomUUID();
        return ByteBuffer.allocate(16)
                .putLong(uuid.getMostSignificantBits())
                .putLong(uuid.getLeastSignificantBits())
                .array();
    }

    private Map<String, String> settings(Map<String, String> more) {
        Map<String, String> settings = new HashMap<>(Service.settings(name));
        settings.putAll(more);
        return settings;
    }

    @Test
    void pageShowsAHealUntilVerified() throws Exception {
        int asked = Integer.getInteger("console.documents", 0);
        int documents = asked > 0 ? asked : TestServer.isGenuine() ? 12_000 : 1_000;
        insert(documents);
        Map<String, String> rate = asked > 0
                ? Map.of()
                : Map.of(
                        "CONVERSATIONS_INTEGRITY_MAX_RATE", String.valueOf(documents / 12),
                        "CONVERSATIONS_INTEGRITY_BATCH_SIZE", String.valueOf(documents / 120));
        try (Service service = Service.start(settings(rate))) {
            service.awaitLive();
            browser.openAs(admin, service.uri("/"));
            browser.awaitText("#state", "RUNNING");
            PageLag lag = PageLag.measure(browser, service, admin);

            assertThat(lag.shown()).isSorted().hasSizeGreaterThan(3);
            System.out.println("The longest delay of the page behind the report was " + lag.longest() + " ms, over "
                    + lag.reports() + " reports while " + documents + " conversations were healed");
            assertThat(browser.text("#state")).isEqualTo("VERIFIED");
            String each = String.format(Locale.US, "%,d", documents / 10);
            assertThat(browser.texts(".chart tbody tr"))
                    .hasSize(6)
                    .filteredOn(row -> row.endsWith(each + each))
                    .hasSize(5);
            browser.screenshot("healed-1440-light");
            assertThat(browser.errors()).isEmpty();
            browser.openAsVisitor(URI.create("about:blank"));
            assertThat(browser.requests()).allMatch(url -> url.startsWith("http://127.0.0.1:"));
        }
    }

    @Test
    void pageWorksBeforeTheServiceOpens() throws Exception {
        insert(10);
        try (Service service = Service.start(settings(Map.of("CONVERSATIONS_INTEGRITY_ON_START", "verify")))) {
            service.awaitLive();
            URI page = service.uri("/");
            browser.openAs(admin, page);
            browser.awaitText("#state", "FAILED");
            browser.awaitText(".hero", "The invariant does not hold: 5 broken");
            browser.awaitText(".hero", "every other route answers 503");
            browser.screenshot("shut-1440-light");
            assertThat(browser.barriers()).isEmpty();
            browser.click("Conversations");
            browser.awaitText(".side", "Your conversations wait.");
            assertThat(browser.barriers()).isEmpty();
            browser.screenshot("waiting-1440-light");
            assertThat(browser.errors(503)).isEmpty();

            browser.openAs(Tokens.of("ann"), page);
            browser.awaitText(".side", "Your conversations wait.");
            browser.openAsVisitor(page);
            browser.awaitText("main", "auth-token");
            browser.openAsVisitor(URI.create("about:blank"));
        }
        try (Service service = Service.start(settings(Map.of()))) {
            service.awaitLive();
            browser.openAs(Tokens.of("ann"), service.uri("/#/conversations"));
            Browser.await(
                    "the list comes by itself", () -> browser.texts(".list a").size() == 10);
            browser.openAsVisitor(URI.create("about:blank"));
        }
    }
}
