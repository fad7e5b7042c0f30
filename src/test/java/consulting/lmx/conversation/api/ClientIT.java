package consulting.lmx.conversation.api;

import static io.restassured.RestAssured.given;
import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import consulting.lmx.conversation.testsupport.Browser;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The TypeScript client in {@code client}, generated from the API description and run against the packaged jar. */
class ClientIT {

    private static final int NODE = 20;

    private record Ended(int code, String output) {}

    @Test
    void clientIsMadeFromTheDescriptionAndSpeaksWithTheService() throws Exception {
        String database = TestServer.newDatabase();
        try (Service service = Service.start(Service.settings(database)).awaitReady();
                MongoClient server = MongoClients.create(TestServer.uri())) {
            Ended test = run(
                    Map.of("SERVICE_URL", service.uri("").toString(), "SERVICE_TOKEN", Tokens.of("client")),
                    "npm",
                    "test");
            assertThat(test.code()).as(test.output()).isZero();
            assertThat(test.output()).contains("# skipped 0");
            server.getDatabase(database).drop();
        }
    }

    /** A second browser is a new page here: neither keeps anything but the cookie. */
    @Test
    void assistantUiKeepsItsThreads() throws Exception {
        Ended bundle = run(Map.of(), "npm", "run", "bundle");
        assertThat(bundle.code()).as(bundle.output()).isZero();
        String app = Files.readString(Path.of("client", "dist", "assistant-ui.bundle.js"));
        String token = Tokens.of("ann");
        String database = TestServer.newDatabase();
        try (Browser browser = Browser.start();
                Service service = Service.start(Service.settings(database)).awaitReady();
                MongoClient server = MongoClients.create(TestServer.uri())) {
            browser.openAs(token, service.uri("/"));
            browser.script(app);
            browser.awaitText("main", "send");
            browser.type("When does the train leave?");
            browser.click("send");
            browser.awaitText("main", "answer 1");
            browser.awaitText(".thread", "When does the train leave?");
            browser.click("regenerate");
            browser.awaitText("main", "answer 2");
            browser.click("rename");
            browser.awaitText(".thread", "renamed");
            Browser.await(
                    "the answer is stored",
                    () -> contents(service, token).equals(List.of("When does the train leave?", "answer 2")));

            browser.open(service.uri("/"));
            browser.script(app);
            browser.awaitText(".thread", "renamed");
            browser.click("renamed");
            browser.awaitText("main", "answer 2");
            assertThat(browser.texts(".message")).hasSize(2).first().isEqualTo("When does the train leave?");
            browser.screenshot("assistant-ui");
            browser.click("archive");
            browser.awaitText(".archived", "renamed");
            browser.click("restore");
            browser.awaitText(".thread", "renamed");
            browser.click("delete");
            Browser.await(
                    "the thread is deleted",
                    () -> given().auth()
                            .oauth2(token)
                            .get(service.uri("/api/conversation"))
                            .jsonPath()
                            .getList("data")
                            .isEmpty());
            server.getDatabase(database).drop();
        }
    }

    private static List<String> contents(Service service, String token) {
        String id = given().auth()
                .oauth2(token)
                .get(service.uri("/api/conversation"))
                .path("data[0].conversationId");
        return given().auth()
                .oauth2(token)
                .get(service.uri("/api/conversation/" + id))
                .jsonPath()
                .getList("messages.content");
    }

    @BeforeAll
    static void install() throws Exception {
        assumeNode();
        Ended install = run(Map.of(), "npm", "ci");
        Assumptions.assumeTrue(install.code() == 0, "npm cannot install what the client needs: " + install.output());
    }

    private static void assumeNode() throws Exception {
        try {
            String version = run(Map.of(), "node", "--version").output().strip();
            boolean newEnough = version.matches("v\\d+\\..*")
                    && Integer.parseInt(version.substring(1, version.indexOf('.'))) >= NODE;
            Assumptions.assumeTrue(newEnough, "the client needs Node " + NODE + ", and here is " + version);
            run(Map.of(), "npm", "--version");
        } catch (IOException none) {
            Assumptions.abort("the client needs Node " + NODE + ", and it is not on the PATH");
        }
    }

    private static Ended run(Map<String, String> environment, String... command)
            throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(command)
                .directory(Path.of("client").toFile())
                .redirectErrorStream(true);
        builder.environment().putAll(environment);
        Process process = builder.start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Ended(process.waitFor(), output);
    }
}
