package consulting.lmx.conversation.integrity;

import static org.assertj.core.api.Assertions.assertThat;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.Service.Ended;
import consulting.lmx.conversation.testsupport.TestServer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.bson.BsonDocument;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code conversations.retention} in the packaged jar: at each start, and in the commands. */
class RetentionIT {

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

    private Map<String, String> settings(String retention) {
        Map<String, String> settings = new HashMap<>(Service.settings(name));
        if (retention != null) {
            settings.put("CONVERSATIONS_RETENTION", retention);
        }
        return settings;
    }

    private List<Long> expiring() {
        List<Long> seconds = new ArrayList<>();
        conversations.listIndexes().forEach(index -> {
            if (index.containsKey("expireAfterSeconds")) {
                seconds.add(index.get("expireAfterSeconds", Number.class).longValue());
            }
        });
        return seconds;
    }

    @Test
    void indexFollowsTheSettingAtEachStart() throws Exception {
        TestServer.assumeGenuine("indexes that delete");
        for (String retention : new String[] {"30d", "P60D", null}) {
            try (Service service = Service.start(settings(retention))) {
                service.awaitReady();
                assertThat(expiring())
                        .isEqualTo(
                                retention == null
                                        ? List.of()
                                        : List.of((retention.equals("30d") ? 30L : 60L) * 24 * 60 * 60));
            }
        }
    }

    @Test
    void commandsUseTheSameSetting() throws Exception {
        TestServer.assumeGenuine("indexes that delete");
        assertThat(command("30d", "heal", "--dry-run").code()).isEqualTo(1);
        assertThat(expiring()).isEmpty();
        assertThat(command("30d", "heal").out()).contains("updatedAt_retention", "deletes after 2592000 s");
        assertThat(expiring()).containsExactly(2_592_000L);

        Ended verified = command("60d", "verify", "--json");
        assertThat(verified.code()).isZero();
        assertThat(Document.parse(verified.out()).getList("indexes", Document.class))
                .contains(new Document("name", "updatedAt_retention")
                        .append("key", new Document("updatedAt", 1))
                        .append("unique", false)
                        .append("ok", false)
                        .append("expireAfterSeconds", 2_592_000));
        assertThat(expiring()).containsExactly(2_592_000L);
    }

    private Ended command(String retention, String... arguments) throws Exception {
        return Service.run(folder, "", settings(retention), arguments);
    }

    @ParameterizedTest
    @ValueSource(strings = {"-30d", "59s", "18251d", "forever"})
    void retentionOutOfBoundsIsRefusedByName(String retention) throws Exception {
        Ended heal = command(retention, "heal");
        assertThat(heal.code()).isEqualTo(2);
        assertThat(heal.err()).contains("conversations.retention").doesNotContain("\tat ");
        assertThat(client.listDatabaseNames()).doesNotContain(name);
    }

    @Test
    void serviceDoesNotStartWithARetentionOutOfBounds() throws Exception {
        try (Service service = Service.start(settings("59s"))) {
            assertThat(service.process().waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(service.process().exitValue()).isNotZero();
            assertThat(service.log())
                    .contains("conversations.retention must be 1M to ")
                    .contains("remove it to use the default");
        }
    }
}
