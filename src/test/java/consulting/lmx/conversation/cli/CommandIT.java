package consulting.lmx.conversation.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.InsertManyOptions;
import com.sun.net.httpserver.HttpServer;
import consulting.lmx.conversation.testsupport.LegacyDump;
import consulting.lmx.conversation.testsupport.MongodProcess;
import consulting.lmx.conversation.testsupport.RewritingProxy;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.Service.Ended;
import consulting.lmx.conversation.testsupport.TestServer;
import consulting.lmx.conversation.testsupport.Tokens;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The command line of the packaged jar: every option and every exit code. */
class CommandIT {

    private final String name = TestServer.newDatabase();
    private final MongoClient client = MongoClients.create(TestServer.uri());
    private final MongoCollection<BsonDocument> conversations =
            client.getDatabase(name).getCollection("conversations", BsonDocument.class);

    @TempDir
    Path folder;

    @AfterEach
    void drop() {
        client.getDatabase(name).drop();
        client.close();
    }

    private Map<String, String> environment() {
        return Map.of("MONGODB_URI", TestServer.uri(), "MONGODB_DB", name);
    }

    private Ended run(String... arguments) throws Exception {
        return Service.run(folder, "", environment(), arguments);
    }

    private static Document json(Ended ended) {
        assertThat(ended.out().lines()).as(ended.err()).hasSize(1);
        return Document.parse(ended.out());
    }

    private List<String> everything() {
        List<String> all = new ArrayList<>();
        conversations.find().sort(new Document("_id", 1)).forEach(document -> all.add(document.toJson()));
        client.getDatabase(name).listCollections().forEach(info -> {
            if (!info.getString("name").startsWith("system.")) {
                all.add(info.toJson());
            }
        });
        conversations.listIndexes().forEach(index -> all.add(index.toJson()));
        return all;
    }

    /** 400 MB of values of other types, with a heap of 256 MB. */
    @Test
    void largeValuesAreHealedInLittleMemory() throws Exception {
        Assumptions.assumeTrue(TestServer.isGenuine(), "the embedded server keeps all of it in memory");
        BsonString large = new BsonString("x".repeat(400_000));
        for (int id = 0; id < 1000; id++) {
            conversations.insertOne(new BsonDocument("_id", new BsonInt32(id))
                    .append("conversationId", new BsonString("c-" + id))
                    .append("sessionId", new BsonDocument("value", large)));
        }

        Ended heal = run("heal", "--json");

        assertThat(heal.code()).as(heal.err()).isZero();
        assertThat(json(heal)).containsEntry("healed", 1000).containsEntry("left", 0);
        assertThat(conversations.countDocuments(Filters.eq("sessionIdRepair.was.value", large)))
                .isEqualTo(1000);
    }

    @Test
    void dryRunWritesNothingAndCountsWhatTheHealThenHeals() throws Exception {
        conversations.insertMany(LegacyDump.documents());
        List<String> before = everything();

        Ended dryRun = run("heal", "--dry-run", "--json");
        assertThat(dryRun.code()).isEqualTo(1);
        assertThat(everything()).isEqualTo(before);
        assertThat(run("verify", "--json").code()).isEqualTo(1);
        assertThat(everything()).isEqualTo(before);

        Ended heal = run("heal", "--json");
        assertThat(heal.code()).isZero();
        Document report = json(heal);
        assertThat(report.get("broken")).isEqualTo(json(dryRun).get("broken"));
        assertThat(report)
                .containsEntry("scanned", 4000)
                .containsEntry("healed", 798)
                .containsEntry("deleted", 0)
                .containsEntry("left", 0)
                .containsEntry("duplicatesLeft", 0)
                .containsKeys("indexes", "validator", "seconds", "run");
        assertThat(report.get("broken", Document.class).keySet())
                .containsExactly("missing", "null", "blank", "binary-uuid", "not-a-string", "duplicate");
        assertThat(report.get("conversationId", Document.class).keySet()).containsExactly("broken", "healed");
        assertThat(json(dryRun))
                .containsEntry("healed", 0)
                .containsEntry("left", 755)
                .containsEntry("duplicatesLeft", 43);

        Ended verified = run("verify", "--json");
        assertThat(verified.code()).isZero();
        assertThat(json(verified)).containsEntry("left", 0);
        assertThat(run("verify").out()).contains("The invariant holds.");
    }

    @Test
    void reportWithoutJsonIsReadableText() throws Exception {
        conversations.insertOne(BsonDocument.parse("{conversationId: 'c'}"));
        assertThat(run("verify").out())
                .contains("missing=1")
                .contains("index on sessionId: missing", "index on conversationId: missing")
                .contains("The invariant does not hold.");
        Ended heal = run("heal");
        assertThat(heal.code()).isZero();
        assertThat(heal.out())
                .contains("missing=1")
                .contains("healed 1")
                .contains("The invariant holds.")
                .doesNotContain(": missing");
    }

    /** Runs a command with MONGODB_URI alone on a database that a service with settings has healed. */
    @Test
    void commandKeepsUnsetOptionsAndPrintsItsChanges() throws Exception {
        Assumptions.assumeTrue(TestServer.isGenuine(), "the embedded server has neither validators nor TTL indexes");
        Map<String, String> service = new HashMap<>(environment());
        service.put("CONVERSATIONS_INTEGRITY_VALIDATOR", "warn");
        service.put("CONVERSATIONS_RETENTION", "30d");
        Ended first = Service.run(folder, "", service, "heal");
        assertThat(first.code()).as(first.err()).isZero();
        assertThat(first.err())
                .contains("event=validator")
                .contains("from=none to=warn")
                .contains("event=index-created name=sessionId_1")
                .contains("event=index-created name=updatedAt_retention");
        List<String> before = everything();

        Ended bare = run("heal");
        assertThat(bare.code()).as(bare.err()).isZero();
        assertThat(everything()).isEqualTo(before);
        assertThat(bare.err()).doesNotContain("event=");

        conversations.insertOne(BsonDocument.parse("{conversationId: 'c'}"));
        Ended broken = run("heal", "--json");
        assertThat(json(broken)).containsEntry("healed", 1).containsEntry("validator", "warn");
        assertThat(broken.err()).doesNotContain("index-dropped").doesNotContain("to=strict");

        service.put("CONVERSATIONS_INTEGRITY_VALIDATOR", "enforce");
        service.put("CONVERSATIONS_RETENTION", "60d");
        Ended set = Service.run(folder, "", service, "heal", "--json");
        assertThat(set.err()).contains("to=strict").contains("event=ttl index=updatedAt_retention seconds=5184000");
        assertThat(json(set)).containsEntry("validator", "strict");
    }

    /** This machine's clock is a year ahead of the server's. */
    @Test
    void repairsUseTheTimeOfTheServer() throws Exception {
        conversations.insertOne(BsonDocument.parse("{conversationId: 'c'}"));
        long year = Duration.ofDays(365).toMillis();
        UnaryOperator<BsonDocument> earlier = hello -> hello.append(
                "localTime", new BsonDateTime(hello.getDateTime("localTime").getValue() - year));
        try (RewritingProxy proxy = RewritingProxy.to(TestServer.uri())) {
            proxy.answer("isMaster", earlier);
            Ended heal =
                    Service.run(folder, "", Map.of("MONGODB_URI", proxy.uri(), "MONGODB_DB", name), "heal", "--json");
            assertThat(heal.code()).as(heal.err()).isZero();
        }
        BsonDocument healed = conversations.find().first();
        assertThat(healed.getDateTime("updatedAt").getValue() + year)
                .isCloseTo(System.currentTimeMillis(), within(120_000L));
        assertThat(healed.getDocument("sessionIdRepair").get("at")).isEqualTo(healed.get("updatedAt"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"verify --json", "heal", "heal --dry-run", "--help", "verify --help", "--version"})
    void commandWhoseOutputCannotBeWrittenFails(String line) throws Exception {
        Assumptions.assumeTrue(Files.exists(Path.of("/dev/full")), "this machine has no /dev/full");
        assertThat(run("heal").code()).isZero();
        Process full = Service.process(folder, environment(), line.split(" "))
                .redirectOutput(Path.of("/dev/full").toFile())
                .start();
        assertThat(full.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(full.exitValue()).isEqualTo(4);
        assertThat(new String(full.getErrorStream().readAllBytes(), StandardCharsets.UTF_8))
                .contains("The output could not be written");
    }

    @Test
    void commandWithABrokenPipeFails() throws Exception {
        assertThat(run("heal").code()).isZero();
        Process verify = Service.command(folder, environment(), "verify", "--json");
        verify.getInputStream().close();
        assertThat(verify.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(verify.exitValue()).isEqualTo(4);
    }

    @Test
    void offloadedMessagesAreExportedAndDeleted() throws Exception {
        MongoCollection<BsonDocument> blocks =
                client.getDatabase(name).getCollection("conversation_blocks", BsonDocument.class);
        conversations.insertMany(List.of(
                BsonDocument.parse("{_id: 1, conversationId: 'c', movedMessages: 200}"),
                BsonDocument.parse("{_id: 2, conversationId: 'd', sessionId: 's', movedMessages: 100}")));
        for (int first : List.of(0, 100)) {
            for (int owner : List.of(1, 2)) {
                blocks.insertOne(BsonDocument.parse(
                        "{_id: {conversation: %d, first: %d}, messages: [{content: 'offloaded %d of %d'}]}"
                                .formatted(owner, first, first, owner)));
            }
        }
        Ended heal = run("heal", "--delete-broken", "--yes");
        assertThat(heal.code()).as(heal.err()).isZero();
        Path export = export();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(export)))
                .isEqualTo("rw-------");
        assertThat(Files.readString(export))
                .contains("offloaded 0 of 1")
                .contains("offloaded 100 of 1")
                .doesNotContain("of 2");
        assertThat(blocks.countDocuments()).isEqualTo(2);
    }

    @Test
    void brokenConversationsAreExportedAndDeleted() throws Exception {
        List<BsonDocument> dump = LegacyDump.documents();
        conversations.insertMany(dump);
        Ended heal = run("heal", "--delete-broken", "--yes", "--json");
        assertThat(heal.code()).as(heal.err()).isZero();
        assertThat(json(heal))
                .containsEntry("deleted", 741)
                .containsEntry("healed", 57)
                .containsEntry("left", 0);
        assertThat(conversations.countDocuments()).isEqualTo(4000 - 741);
        Path export = export();
        assertThat(heal.err()).contains(export.toString());
        List<BsonDocument> exported =
                Files.readAllLines(export).stream().map(BsonDocument::parse).toList();
        assertThat(exported).hasSize(741).isSubsetOf(dump);

        // as docs/operations.md says
        conversations.dropIndexes();
        conversations.insertMany(exported, new InsertManyOptions().bypassDocumentValidation(true));
        Ended restored = run("heal", "--json");
        assertThat(json(restored)).containsEntry("healed", 741).containsEntry("left", 0);
        assertThat(conversations.countDocuments()).isEqualTo(4000);
    }

    private Path export() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".jsonl"))
                    .findFirst()
                    .orElseThrow()
                    .toRealPath();
        }
    }

    @Test
    void deletionRequiresTheAnswerYes() throws Exception {
        conversations.insertOne(BsonDocument.parse("{conversationId: 'c'}"));
        for (String answer : List.of("", "no\n", "y\n")) {
            Ended refused = Service.run(folder, answer, environment(), "heal", "--delete-broken");
            assertThat(refused.code()).isEqualTo(2);
            assertThat(refused.err()).contains("Nothing was done");
        }
        assertThat(conversations.countDocuments()).isEqualTo(1);
        assertThat(Service.run(folder, "yes\n", environment(), "heal", "--delete-broken")
                        .code())
                .isZero();
        assertThat(conversations.countDocuments()).isZero();
    }

    @Test
    void nothingIsDeletedIfTheFileCannotBeWritten() throws Exception {
        conversations.insertOne(BsonDocument.parse("{conversationId: 'c'}"));
        Path unwritable = Path.of("/proc");
        Assumptions.assumeTrue(Files.isDirectory(unwritable), "this machine has no /proc");
        Ended refused = Service.run(unwritable, "", environment(), "heal", "--delete-broken", "--yes");
        assertThat(refused.code()).isEqualTo(4);
        assertThat(refused.err()).contains("Nothing more was deleted").contains("cannot be written");
        assertThat(conversations.countDocuments()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "heal --unknown",
                "heal --batch-size 0",
                "heal --batch-size 10001",
                "heal --batch-size many",
                "heal --max-rate 0",
                "heal --max-rate -5",
                "heal --yes",
                "heal extra",
                "verify --dry-run",
                "smoke",
                "smoke --url nonsense",
                "unknown"
            })
    void wrongArgumentsPrintTheUsage(String line) throws Exception {
        Ended refused = run(line.split(" "));
        assertThat(refused.code()).isEqualTo(2);
        assertThat(refused.err()).contains("Usage:");
        assertThat(refused.out()).isEmpty();
    }

    @Test
    void missingOrInvalidUriIsAUsageError() throws Exception {
        Ended unnamed = Service.run(folder, "", Map.of(), "heal");
        assertThat(unnamed.code()).isEqualTo(2);
        assertThat(unnamed.err()).contains("MONGODB_URI is not set");
        Ended nonsense = Service.run(folder, "", Map.of("MONGODB_URI", "http://somewhere"), "verify");
        assertThat(nonsense.code()).isEqualTo(2);
        assertThat(nonsense.err()).contains("MONGODB_URI is not a valid connection string");
    }

    @Test
    void unreachableServerIsNamed() throws Exception {
        Map<String, String> away =
                Map.of("MONGODB_URI", "mongodb://127.0.0.1:1/", "QUARKUS_MONGODB_SERVER_SELECTION_TIMEOUT", "1S");
        for (String command : List.of("heal", "verify")) {
            Ended ended = Service.run(folder, "", away, command);
            assertThat(ended.code()).isEqualTo(3);
            assertThat(ended.err()).contains("127.0.0.1:1").contains("could not be reached");
        }
    }

    @Test
    void helpDescribesEachCommand() throws Exception {
        assertThat(run("--help").out()).contains("heal", "verify", "smoke", "Without a command, serves");
        Ended heal = run("heal", "--help");
        assertThat(heal.code()).isZero();
        assertThat(heal.out())
                .contains(
                        "--dry-run",
                        "--delete-broken",
                        "--yes",
                        "--batch-size",
                        "--max-rate",
                        "--recreate-index",
                        "--json")
                .contains("Exit codes: 0");
        assertThat(run("verify", "--help").out()).contains("--json", "Exit codes: 0");
        assertThat(run("smoke", "--help").out()).contains("--url", "--token", "Exit codes: 0");
        assertThat(run("--version").out()).contains("conversation-service");
    }

    @Test
    void maxRateIsKept() throws Exception {
        insertNulls(400);
        Ended heal = run("heal", "--max-rate", "200", "--batch-size", "20", "--json");
        assertThat(heal.code()).isZero();
        assertThat(json(heal).getDouble("seconds")).isGreaterThan(1.8);
    }

    private void insertNulls(int n) {
        List<BsonDocument> many = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            many.add(BsonDocument.parse("{conversationId: 'c%d', sessionId: null}".formatted(i)));
        }
        conversations.insertMany(many);
    }

    @Test
    void recreateIndexRebuildsTheIndexes() throws Exception {
        assertThat(run("heal").code()).isZero();
        Map<String, Object> before = since();
        assertThat(run("heal", "--recreate-index").code()).isZero();
        assertThat(run("verify").code()).isZero();
        if (TestServer.isGenuine()) {
            Map<String, Object> after = since();
            assertThat(after).hasSameSizeAs(before);
            after.forEach((index, since) -> assertThat(since.equals(before.get(index)))
                    .as(index)
                    .isEqualTo(!index.matches("(session|conversation)Id_1.*")));
        }
    }

    private Map<String, Object> since() {
        Map<String, Object> since = new HashMap<>();
        if (TestServer.isGenuine()) {
            conversations
                    .aggregate(List.of(new Document("$indexStats", new Document())), Document.class)
                    .forEach(index -> since.put(
                            index.getString("name"),
                            index.get("accesses", Document.class).get("since")));
        }
        return since;
    }

    @Test
    void interruptedHealEndsAndTheNextOneContinues() throws Exception {
        insertNulls(2_000);
        Process heal = Service.command(folder, environment(), "heal", "--batch-size", "10", "--max-rate", "100");
        await().atMost(Duration.ofSeconds(60)).until(() -> healed() > 0);
        new ProcessBuilder("kill", "-INT", String.valueOf(heal.pid())).start().waitFor();
        assertThat(heal.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(heal.exitValue()).as("the invariant does not hold yet").isNotZero();
        assertThat(healed()).isLessThan(2_000);
        assertThat(run("heal", "--json").code()).isZero();
        assertThat(healed()).isEqualTo(2_000);
    }

    private long healed() {
        return conversations.countDocuments(Filters.exists("sessionIdRepair"));
    }

    @Test
    void smokeTestsARunningServiceAndCleansUp() throws Exception {
        try (Service service = Service.start(Service.settings(name)).awaitReady()) {
            String url = service.uri("").toString();
            Ended smoke = Service.run(folder, "", Map.of(), "smoke", "--url", url, "--token", Tokens.of("smoker"));
            assertThat(smoke.code()).as(smoke.err()).isZero();
            assertThat(smoke.out()).contains("200 conversations were created, each with a unique sessionId");
            assertThat(conversations.countDocuments()).isZero();

            assertThat(Service.run(folder, "", Map.of(), "smoke", "--url", url).code())
                    .isEqualTo(1);

            Ended past = run("smoke", "--url", url + "/", "--token", Tokens.of("smoker"));
            if (TestServer.isGenuine()) {
                assertThat(past.code()).as(past.err()).isZero();
                assertThat(past.out()).contains("The database rejected a conversation without a sessionId, code 121");
            } else {
                assertThat(past.code()).isEqualTo(1);
                assertThat(past.err()).contains("The database accepted a conversation without a sessionId");
            }
            assertThat(conversations.countDocuments()).isZero();

            assertThat(run("heal").code()).isZero(); // beside a running service: a command opens no port
        }
        Ended away = Service.run(folder, "", Map.of(), "smoke", "--url", "http://127.0.0.1:1");
        assertThat(away.code()).isEqualTo(3);
    }

    @Test
    void smokeThatCannotCleanUpFails() throws Exception {
        try (Service service = Service.start(Service.settings(name)).awaitReady()) {
            HttpServer refusing = refusingDeletions(service);
            try {
                Ended smoke = Service.run(
                        folder,
                        "",
                        Map.of(),
                        "smoke",
                        "--url",
                        "http://127.0.0.1:" + refusing.getAddress().getPort(),
                        "--token",
                        Tokens.of("smoker"));
                assertThat(smoke.code()).as(smoke.err()).isEqualTo(4);
                assertThat(smoke.err()).contains("Not all created conversations were deleted");
            } finally {
                refusing.stop(0);
            }
        }
    }

    /** Forwards every call to the service except deletions. */
    private static HttpServer refusingDeletions(Service service) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/", exchange -> {
            byte[] body = exchange.getRequestBody().readAllBytes();
            if (exchange.getRequestMethod().equals("DELETE")) {
                exchange.sendResponseHeaders(500, -1);
            } else {
                try {
                    HttpResponse<String> answer = service.post(
                            exchange.getRequestURI().getPath(),
                            new String(body, StandardCharsets.UTF_8),
                            "Authorization",
                            exchange.getRequestHeaders().getFirst("Authorization"));
                    byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
                    exchange.sendResponseHeaders(answer.statusCode(), bytes.length);
                    exchange.getResponseBody().write(bytes);
                } catch (Exception e) {
                    throw new IOException(e);
                }
            }
            exchange.close();
        });
        server.start();
        return server;
    }

    @Test
    void userWithoutPrivilegesIsToldWhichOneIsMissing() throws Exception {
        TestServer.assumeGenuine("users and privileges");
        MongodProcess.Running secured = MongodProcess.startWithAuthentication().orElse(null);
        Assumptions.assumeTrue(secured != null, "no mongod on the PATH to start with authentication");
        try (secured;
                MongoClient first = MongoClients.create(secured.uri())) {
            first.getDatabase("admin").runCommand(Document.parse("{createUser: 'root', pwd: 'root', roles: ['root']}"));
            try (MongoClient root = MongoClients.create(secured.uri().replace("//", "//root:root@"))) {
                root.getDatabase("app")
                        .runCommand(Document.parse(
                                "{createUser: 'writer', pwd: 'w', roles: [{role: 'writerOnly', db: 'app'}]}"
                                        .replace("writerOnly", writerOnly(root))));
                MongoCollection<Document> target = root.getDatabase("app").getCollection("conversations");
                target.insertOne(Document.parse("{conversationId: 'c', sessionId: null}"));

                Ended heal = Service.run(
                        folder,
                        "",
                        Map.of(
                                "MONGODB_URI",
                                secured.uri().replace("//", "//writer:w@") + "?authSource=app",
                                "MONGODB_DB",
                                "app",
                                "CONVERSATIONS_RETENTION",
                                "30d"),
                        "heal");

                assertThat(heal.code()).as(heal.err()).isEqualTo(4);
                assertThat(heal.err())
                        .contains("not authorized on app to execute command { collMod: \"conversations\"")
                        .contains("lacks this privilege")
                        .contains("docs/operations.md");
                assertThat(target.find().first().getString("sessionId")).isNull();

                Ended wrongPassword = Service.run(
                        folder,
                        "",
                        Map.of(
                                "MONGODB_URI", secured.uri().replace("//", "//writer:x@") + "?authSource=app",
                                "MONGODB_DB", "app",
                                "QUARKUS_MONGODB_SERVER_SELECTION_TIMEOUT", "2S"),
                        "verify");
                assertThat(wrongPassword.code()).isEqualTo(3);
            }
        }
    }

    /** A role that may read and write documents, but not change the collection. */
    private static String writerOnly(MongoClient root) {
        root.getDatabase("app").runCommand(Document.parse("""
                                {createRole: 'writerOnly', roles: [], privileges: [
                                 {resource: {db: 'app', collection: ''}, actions: ['find', 'insert', 'update', 'remove', 'listIndexes', 'listCollections', 'collStats']}]}
                                """));
        return "writerOnly";
    }
}
