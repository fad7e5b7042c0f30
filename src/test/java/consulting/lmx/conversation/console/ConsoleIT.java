package consulting.lmx.conversation.console;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.Browser;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TcpProxy;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.bson.Document;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.openqa.selenium.Keys;

/** The page in a browser, of two replicas of the packaged jar. */
class ConsoleIT {

    private static final String DATABASE = TestServer.newDatabase();
    private static final String MARKUP = "<img src=x onerror=\"window.pwned=1\"><script>window.pwned=1</script>&amp;";
    private static final Instant LONG_AGO = Instant.parse("2025-03-01T15:22:06Z");
    private static final int MANY = 250;
    private static final int COMPRESSED_BYTES = 150 * 1024;

    private static Browser browser;
    private static Service a;
    private static Service b;

    private final String admin = Tokens.of("ann", "admin");
    private final String user = Tokens.of("ann");
    private int[] expectedRefusals = {};

    @BeforeAll
    static void start() throws IOException {
        browser = Browser.start();
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(DATABASE).getCollection("conversations").insertMany(conversations());
        }
        a = Service.start(Service.settings(DATABASE)).awaitReady();
        b = Service.start(Service.settings(DATABASE)).awaitReady();
    }

    private static List<Document> conversations() {
        List<Document> all = new ArrayList<>();
        for (int i = 0; i < 45; i++) {
            all.add(conversation("c" + i, "Question " + i, 2).append("sessionId", "s" + i));
        }
        all.add(conversation("long", "A long one", MANY).append("sessionId", "s-long"));
        all.add(conversation("number", "A healed one", 2).append("sessionId", 686282));
        all.add(conversation("markup", MARKUP, 0)
                .append("sessionId", "s-markup")
                .append("messages", List.of(message(MARKUP, 0))));
        return all;
    }

    private static Document conversation(String id, String title, int messages) {
        return new Document("conversationId", id)
                .append("userId", "ann")
                .append("title", title)
                .append(
                        "messages",
                        IntStream.range(0, messages)
                                .mapToObj(i -> message("m" + i, i))
                                .toList())
                .append("createdAt", Date.from(LONG_AGO))
                .append("updatedAt", Date.from(LONG_AGO));
    }

    private static Document message(String content, int i) {
        return new Document("role", i % 2 == 0 ? "user" : "assistant")
                .append("content", content)
                .append("timestamp", Date.from(LONG_AGO.plusSeconds(i)));
    }

    @AfterEach
    void nothingWasAskedOfAnotherHostAndNoErrorWasShown() {
        assertThat(browser.requests()).isNotEmpty().allMatch(url -> url.startsWith("http://127.0.0.1:"));
        assertThat(browser.errors(expectedRefusals)).isEmpty();
    }

    @AfterAll
    static void stop() throws IOException {
        if (browser == null) {
            return; // skipped
        }
        browser.close();
        a.close();
        b.close();
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(DATABASE).drop();
        }
    }

    private static URI page(String view) {
        return a.uri("/" + view);
    }

    private void append(Service service, String id, String content) throws Exception {
        HttpResponse<String> answer = service.post(
                "/api/conversation/" + id + "/message",
                new Document("content", content).toJson(),
                "Authorization",
                "Bearer " + user);
        assertThat(answer.statusCode()).isEqualTo(200);
    }

    private static List<String> shown() {
        return browser.texts(".messages .text");
    }

    private static List<String> numbered(int first, int last) {
        return IntStream.rangeClosed(first, last).mapToObj(i -> "m" + i).toList();
    }

    @ParameterizedTest
    @CsvSource({"1440, false", "1440, true", "360, false", "360, true"})
    void everyViewIsWithoutBarriersInBothThemesAndWidths(int width, boolean dark) {
        expectedRefusals = new int[] {401, 403};
        browser.look(width, 800, dark);
        String look = width + (dark ? "-dark" : "-light");

        browser.openAs(admin, page("#/integrity"));
        browser.awaitText(".layers", "Nothing broken");
        requireFitAndFree("integrity-" + look, width);
        browser.click("Heal now…");
        browser.awaitText("dialog", "It writes to the database");
        requireFitAndFree("dialog-" + look, width);

        browser.open(page("#/conversations"));
        browser.awaitText(".list", "Question");
        assertThat(browser.text("dialog")).as("it goes with its view").isEmpty();
        requireFitAndFree("conversations-" + look, width);
        browser.open(page("#/conversations/number"));
        browser.awaitText(".repair", "no string");
        browser.awaitText(".pane .live", "Live");
        requireFitAndFree("conversation-" + look, width);

        browser.openAs(user, page("#/integrity"));
        browser.awaitText("main", "needs the role admin");
        requireFitAndFree("no-admin-" + look, width);
        browser.openAsVisitor(page(""));
        browser.awaitText("main", "auth-token");
        requireFitAndFree("visitor-" + look, width);
    }

    private static void requireFitAndFree(String view, int width) {
        browser.screenshot(view);
        assertThat(browser.barriers()).as(view).isEmpty();
        assertThat((Long) browser.script("return document.documentElement.scrollWidth"))
                .as(view)
                .isLessThanOrEqualTo(width);
    }

    @Test
    void integrityShowsTheStateAndWhatHoldsIt() {
        browser.openAs(admin, page(""));
        browser.awaitText("#state", "VERIFIED");
        browser.awaitText(".layers", "Nothing broken");
        assertThat(browser.texts(".layers h3")).hasSize(7);
        assertThat(browser.text(".layers")).contains("In force").contains("Nothing broken");
        assertThat(browser.text(".columns")).contains("sessionId_1").contains("conversationId_1");
        if (TestServer.isGenuine()) {
            assertThat(browser.text(".facts")).contains("strict");
        } else {
            assertThat(browser.text(".facts")).contains("none").contains("collMod");
        }
    }

    @Test
    void dryRunAndHealAskFirstAndSayWhenTheyHaveEnded() {
        browser.openAs(admin, page("#/integrity"));
        browser.click("Dry run…");
        browser.awaitText("dialog", "writes nothing");
        browser.click("Cancel");
        Browser.await("the dialog is gone", () -> browser.text("dialog").isEmpty());
        assertThat(browser.text(".hero .notice")).isEmpty();

        browser.click("Dry run…");
        browser.click("Start dry run");
        browser.awaitText(".hero .notice", "The dry run has ended.");
        browser.awaitText("main", "A heal would find nothing to repair.");
        browser.click("Heal now…");
        browser.click("Heal now");
        browser.awaitText(".hero .notice", "The heal has ended.");
        browser.awaitText("#state", "VERIFIED");
    }

    @Test
    void userWithoutTheRoleSeesConversationsAndIsToldWhatIntegrityNeeds() {
        expectedRefusals = new int[] {403};
        browser.openAs(user, page(""));
        browser.awaitText("h1", "Conversations");
        browser.awaitText(".list", "Question");
        browser.click("Integrity");
        browser.awaitText("main", "needs the role admin");
        browser.click("Conversations");
        browser.awaitText(".list", "Question");
    }

    @Test
    void visitorIsToldHowToSignIn() {
        expectedRefusals = new int[] {401};
        browser.openAsVisitor(page("#/conversations/c1"));
        browser.awaitText("h1", "Sign in first");
        browser.awaitText("main", "auth-token");
        browser.click("Integrity");
        browser.awaitText("h1", "Sign in first");
    }

    @Test
    void whoSignsOutElsewhereIsToldToSignInWhenTheConnectionEnds() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(a.uri("").toString())) {
            browser.openAs(user, URI.create("http://127.0.0.1:" + proxy.port() + "/#/conversations/c2"));
            browser.awaitText(".pane .live", "Live");
            browser.signOut();
            proxy.cut();
            browser.awaitText(".pane .live", "Connection lost");
            proxy.restore();
            browser.awaitText("h1", "Sign in first");
            browser.openAsVisitor(URI.create("about:blank"));
        }
        browser.errors(); // of the connections that were cut
    }

    @Test
    void listGoesOnPageByPage() {
        browser.openAs(user, page("#/conversations"));
        Browser.await("the first page", () -> browser.texts(".list a").size() == 20);
        browser.click("Older conversations");
        Browser.await("two pages", () -> browser.texts(".list a").size() == 40);
        browser.click("Older conversations");
        Browser.await("the last one", () -> browser.text(".list").contains("A long one"));
        assertThat(browser.texts(".list a")).doesNotHaveDuplicates();
    }

    @Test
    void olderMessagesComeOnScrolling() {
        browser.openAs(user, page("#/conversations/long"));
        Browser.await("the newest page", () -> shown().equals(numbered(MANY - 100, MANY - 1)));
        Browser.await("all, page by page", () -> {
            browser.script("document.querySelector('.scroll').scrollTop = 0");
            return shown().size() == MANY;
        });
        assertThat(shown()).isEqualTo(numbered(0, MANY - 1));
    }

    @Test
    void healedConversationShowsItsRepairInTheReadersZone() {
        browser.zone("Asia/Tokyo");
        try {
            browser.openAs(user, page("#/conversations/number"));
            browser.awaitText(".repair", "The sessionId was no string: 686282. It was given a new one on");
            assertThat(browser.text(".ids").replace('\u202f', ' ')).contains("Mar 2, 2025, 12:22:06 AM");
            assertThat(browser.text("footer")).contains("Asia/Tokyo");
        } finally {
            browser.zone("");
        }
    }

    @Test
    void messageOfTheOtherReplicaArrivesLive() throws Exception {
        browser.openAs(user, page("#/conversations/c3"));
        browser.awaitText(".pane .live", "Live");
        append(b, "c3", "from the other replica");
        Browser.await("it is there", () -> shown().contains("from the other replica"));
        append(a, "c3", "and from this one");
        Browser.await("it is there too", () -> shown().contains("and from this one"));
        assertThat(shown()).containsExactly("m0", "m1", "from the other replica", "and from this one");
    }

    @Test
    void truncationShowsLive() throws Exception {
        browser.openAs(user, page("#/conversations/c42"));
        browser.awaitText(".pane .live", "Live");
        given().auth()
                .oauth2(user)
                .delete(b.uri("/api/conversation/c42/messages?from=1"))
                .then()
                .statusCode(200);
        Browser.await("the second message is gone", () -> shown().equals(List.of("m0")));
        browser.awaitText(".pane .live", "Live");
        append(b, "c42", "instead");
        Browser.await("the next one is there", () -> shown().equals(List.of("m0", "instead")));
    }

    @Test
    void lostConnectionResumesWithoutAGap() throws Exception {
        try (TcpProxy proxy = TcpProxy.to(a.uri("").toString())) {
            URI page = URI.create("http://127.0.0.1:" + proxy.port() + "/#/conversations/c4");
            browser.openAs(user, page);
            browser.awaitText(".pane .live", "Live");
            append(b, "c4", "m2");
            Browser.await("the first", () -> shown().size() == 3);
            proxy.cut();
            browser.awaitText(".pane .live", "Connection lost");
            for (int i = 3; i <= 40; i++) {
                append(b, "c4", "m" + i);
            }
            assertThat(shown()).hasSize(3);
            proxy.restore();
            Browser.await("all others", () -> shown().size() == 41);
            assertThat(shown()).isEqualTo(numbered(0, 40));
            browser.awaitText(".pane .live", "Live");
            browser.openAs(user, page("#/conversations"));
        }
        browser.errors(); // of the connections that were cut
    }

    @Test
    void listShowsTheNewestMessageLive() throws Exception {
        browser.openAs(user, page("#/conversations/c43"));
        browser.awaitText(".pane .live", "Live");
        Browser.await("the stored one", () -> inList("c43").contains("m1"));
        append(b, "c43", "the newest one");
        Browser.await("the new one", () -> inList("c43").contains("the newest one"));
    }

    @Test
    void conversationIsRenamed() {
        browser.openAs(user, page("#/conversations/c41"));
        browser.awaitText(".pane h2", "Question 41");
        browser.click("Rename…");
        browser.awaitText("dialog", "Rename this conversation");
        browser.fill("dialog input", MARKUP, Keys.ENTER);
        browser.awaitText(".pane h2", MARKUP);
        Browser.await("the list shows it", () -> inList("c41").contains(MARKUP));
        browser.open(page("#/conversations"));
        browser.open(page("#/conversations/c41"));
        browser.awaitText(".pane h2", MARKUP);

        browser.click("Rename…");
        browser.fill("dialog input", "");
        browser.click("Rename");
        browser.awaitText(".pane h2", "Untitled");
        assertThat(given().auth()
                        .oauth2(user)
                        .get(a.uri("/api/conversation/c41"))
                        .jsonPath()
                        .getString("title"))
                .isNull();
    }

    @Test
    void adminFindsTheConversationOfAnIdAndSeesNoContent() {
        browser.openAs(Tokens.of("support", "admin"), page("#/integrity"));
        browser.awaitText(".layers", "Nothing broken");
        browser.fill(".look-up input", "s40", Keys.ENTER);
        browser.awaitText(".look-up + div", "owner");
        assertThat(browser.texts(".ids dd")).startsWith("c40", "s40", "ann", "2");
        assertThat(browser.text("main")).doesNotContain("Question 40").doesNotContain("m1");
        browser.fill(".look-up input", "number", Keys.ENTER);
        browser.awaitText("main", "The sessionId was no string: 686282.");
        browser.fill(".look-up input", "nobody's", Keys.ENTER);
        browser.awaitText("main", "No conversation has this id.");
    }

    @Test
    void conversationIsArchivedExportedAndDeleted() {
        browser.openAs(user, page("#/conversations/c44"));
        browser.awaitText(".pane .live", "Live");
        browser.click("Archive");
        Browser.await("it is archived", () -> inList("c44").contains("archived"));
        browser.click("Unarchive");
        Browser.await("it is not", () -> !inList("c44").contains("archived"));
        assertThat((String) browser.script("return document.querySelector('a[download]').href"))
                .isEqualTo(a.uri("/api/conversation/c44/export").toString());

        browser.click("Delete…");
        browser.awaitText("dialog", "Nobody can restore them");
        browser.click("Cancel");
        Browser.await("the dialog is gone", () -> browser.text("dialog").isEmpty());
        assertThat(inList("c44")).isNotEmpty();
        browser.click("Delete…");
        browser.click("Delete");
        browser.awaitText(".pane", "The conversation was deleted.");
        assertThat(inList("c44")).isEmpty();
    }

    private static String inList(String id) {
        return browser.text(".list a[data-id='" + id + "']");
    }

    @Test
    void deletedConversationSaysSo() throws Exception {
        browser.openAs(user, page("#/conversations/c5"));
        browser.awaitText(".pane .live", "Live");
        try (MongoClient client = MongoClients.create(TestServer.uri())) {
            client.getDatabase(DATABASE).getCollection("conversations").deleteOne(new Document("conversationId", "c5"));
        }
        browser.awaitText(".pane", "The conversation was deleted.");
    }

    @Test
    void markupIsShownAsText() throws Exception {
        browser.openAs(user, page("#/conversations/markup"));
        Browser.await("the content", () -> shown().equals(List.of(MARKUP)));
        append(b, "markup", MARKUP + MARKUP);
        Browser.await("the live one", () -> shown().equals(List.of(MARKUP, MARKUP + MARKUP)));
        assertThat(browser.texts(".pane h2")).containsExactly(MARKUP);
        Browser.await("the list", () -> browser.texts(".list .name").contains(MARKUP));
        assertThat(browser.script("return document.querySelectorAll('main img, main script').length"))
                .isEqualTo(0L);
        assertThat(browser.script("return window.pwned")).isNull();
    }

    @Test
    void everythingIsDoneByKeyboardAlone() {
        browser.openAs(admin, page(""));
        browser.awaitText("#state", "VERIFIED");
        browser.tabTo("Skip to the content");
        browser.tabTo("Heal now…");
        browser.type(Keys.ENTER);
        browser.awaitText("dialog", "It writes to the database");
        browser.type(Keys.ESCAPE);
        Browser.await("the dialog is gone", () -> browser.text("dialog").isEmpty());
        assertThat(browser.focused()).isEqualTo("Heal now…");

        browser.open(page(""));
        browser.awaitText("#state", "VERIFIED");
        browser.tabTo("Conversations");
        browser.type(Keys.ENTER);
        browser.awaitText(".list", "Question");
        assertThat(browser.focused()).isEqualTo("Conversations");
        browser.tabTo("New conversation");
        browser.type(Keys.ENTER);
        Browser.await("the box", () -> browser.focused().equals("Message"));
        browser.type("one line");
        browser.typeNewLine();
        browser.type("and another", Keys.ENTER);
        Browser.await("it is taken", () -> shown().equals(List.of("one line\nand another")));
        assertThat(browser.focused()).isEqualTo("Message");
        assertThat(browser.script("return document.activeElement.value")).isEqualTo("");
    }

    @Test
    void pageIsSmallAndMayRunNothingButItsOwnFiles() throws Exception {
        browser.openAs(admin, page(""));
        browser.awaitText("#state", "VERIFIED");
        Number bytes = (Number) browser.script("return [...performance.getEntriesByType('navigation'),"
                + " ...performance.getEntriesByType('resource')].reduce((sum, e) => sum + e.transferSize, 0)");
        assertThat(bytes.longValue()).isBetween(10_000L, (long) COMPRESSED_BYTES);
        System.out.println("The page came in " + bytes + " bytes; first contentful paint after "
                + browser.script("return performance.getEntriesByName('first-contentful-paint')[0].startTime") + " ms");

        for (String file : List.of("/", "/console/app.js", "/console/console.css")) {
            Map<String, List<String>> headers = a.get(file).headers().map();
            assertThat(headers.get("Content-Security-Policy").get(0))
                    .contains("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'")
                    .doesNotContain("unsafe");
            assertThat(headers.get("X-Content-Type-Options")).containsExactly("nosniff");
            assertThat(headers.get("Referrer-Policy")).containsExactly("same-origin");
        }
    }
}
