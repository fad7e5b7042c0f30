package consulting.lmx.conversation.integrity;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Projections;
import consulting.lmx.conversation.testsupport.Service;
import consulting.lmx.conversation.testsupport.TestServer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.bson.Document;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Concurrent healers, and healers that are killed. */
class ReplicasIT {

    private final String name = TestServer.newDatabase();
    private final MongoClient client = MongoClients.create(TestServer.uri());
    private final MongoCollection<Document> conversations =
            client.getDatabase(name).getCollection("conversations");

    @TempDir
    Path folder;

    @AfterEach
    void drop() {
        client.getDatabase(name).drop();
        client.close();
    }

    private void insertBroken(int n) {
        List<Document> batch = new ArrayList<>();
        for (int i = 0; i < n; i++) {
            Document document = new Document("conversationId", "c" + i).append("userId", "u");
            if (i % 2 == 0) {
                document.append("sessionId", null);
            }
            batch.add(document);
        }
        conversations.insertMany(batch);
    }

    /** The healed documents so far: the run and the value of each. */
    private Map<Object, Document> healed() {
        Map<Object, Document> healed = new HashMap<>();
        conversations
                .find(Filters.exists("sessionIdRepair"))
                .projection(Projections.include("sessionId", "sessionIdRepair"))
                .forEach(document -> healed.put(document.get("_id"), document));
        return healed;
    }

    @Test
    void eightReplicasHealEachDocumentOnceAndOpen() throws Exception {
        int size = TestServer.isGenuine() ? 60_000 : 2_000; // the embedded server looks through all for each update
        insertBroken(size);
        List<Service> services = new ArrayList<>();
        List<String> counted = new ArrayList<>();
        try {
            for (int i = 0; i < 8; i++) {
                services.add(Service.start(Service.settings(name)));
            }
            for (Service service : services) {
                await().atMost(Duration.ofMinutes(3)).until(() -> service.status("/q/health/ready") == 200);
                counted.add(service.get("/q/metrics").body());
            }
        } finally {
            services.forEach(Service::close);
        }
        assertThat(healed()).hasSize(size);
        long healedByAll = 0;
        for (String metrics : counted) {
            healedByAll += metrics.lines()
                    .filter(line -> line.startsWith("conversations_integrity_healed_total"))
                    .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' '))))
                    .sum();
        }
        assertThat(healedByAll).isEqualTo(size);
    }

    @Test
    void healersThatAreKilledTwentyTimesHealEachDocumentOnce() throws Exception {
        long seed = System.nanoTime();
        Random chance = new Random(seed);
        int size = 3_000;
        insertBroken(size);
        Map<Object, Document> before = new HashMap<>();
        int kills = 0;
        List<Process> healers = new ArrayList<>();
        try {
            while (kills < 20) {
                while (healers.size() < 2) {
                    healers.add(Service.command(
                            folder,
                            Map.of("MONGODB_URI", TestServer.uri(), "MONGODB_DB", name),
                            "heal",
                            "--batch-size",
                            "5",
                            "--max-rate",
                            "150"));
                }
                int atLeast = Math.min(size - 1, before.size() + 1 + chance.nextInt(100));
                await("seed " + seed)
                        .atMost(Duration.ofSeconds(60))
                        .pollInterval(Duration.ofMillis(20))
                        .until(() -> conversations.countDocuments(Filters.exists("sessionIdRepair")) >= atLeast);
                Process victim = healers.remove(holderAmong(healers));
                victim.destroyForcibly().waitFor();
                kills++;
                Map<Object, Document> now = healed();
                assertThat(now).as("seed " + seed).containsAllEntriesOf(before);
                before = now;
            }
        } finally {
            for (Process healer : healers) {
                healer.destroyForcibly().waitFor();
            }
        }
        assertThat(before.size())
                .as("killed in the middle of the work, seed " + seed)
                .isLessThan(size);
        assertThat(Service.run(folder, "", Map.of("MONGODB_URI", TestServer.uri(), "MONGODB_DB", name), "heal")
                        .code())
                .isZero();
        assertThat(healed()).hasSize(size).containsAllEntriesOf(before);
    }

    /** The process that holds the lease, or the first process. */
    private int holderAmong(List<Process> healers) {
        Document lease =
                client.getDatabase(name).getCollection("integrity_lease").find().first();
        String host = lease == null ? "" : lease.getString("host");
        for (int i = 0; i < healers.size(); i++) {
            if (host.endsWith("/" + healers.get(i).pid())) {
                return i;
            }
        }
        return 0;
    }
}
