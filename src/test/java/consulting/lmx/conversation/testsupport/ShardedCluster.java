package consulting.lmx.conversation.testsupport;

import com.mongodb.MongoException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import org.awaitility.Awaitility;
import org.bson.BsonMaxKey;
import org.bson.BsonMinKey;
import org.bson.Document;

/** A {@code mongos}, a config server and two shards of one node each, of the programs on the PATH. */
public final class ShardedCluster implements AutoCloseable {

    private final Path mongod;
    private final Deque<MongodProcess.Running> running = new ArrayDeque<>();
    private final String uri;
    private final MongoClient client;

    private ShardedCluster(Path mongos, Path mongod) throws IOException {
        this.mongod = mongod;
        String config = member("config", "--configsvr");
        int port = MongodProcess.freePort();
        Path scratch = Files.createTempDirectory("mongos");
        running.push(MongodProcess.run(mongos, port, scratch, List.of("--configdb", "config/" + config)));
        uri = "mongodb://127.0.0.1:" + port + "/";
        client = MongoClients.create(uri);
        for (String shard : List.of("one", "two")) {
            String address = member(shard, "--shardsvr");
            Awaitility.await("the router takes the shard")
                    .atMost(Duration.ofMinutes(1))
                    .ignoreExceptionsMatching(MongoException.class::isInstance)
                    .until(() -> admin(new Document("addShard", shard + "/" + address)) != null);
        }
    }

    /** Empty where a program is missing. */
    public static Optional<ShardedCluster> start() {
        return Programs.onPath("mongos")
                .flatMap(mongos -> Programs.onPath("mongod").map(mongod -> {
                    try {
                        return new ShardedCluster(mongos, mongod);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }));
    }

    private String member(String name, String role) throws IOException {
        int port = MongodProcess.freePort();
        running.push(MongodProcess.run(mongod, port, role, "--replSet", name));
        String address = "127.0.0.1:" + port;
        Awaitility.await()
                .atMost(Duration.ofMinutes(1))
                .ignoreExceptionsMatching(MongoException.class::isInstance)
                .until(() -> {
                    MongodProcess.initiate(address, name);
                    return true;
                });
        return address;
    }

    /** The connection string of its router. */
    public String uri() {
        return uri;
    }

    /** Spreads the collection over both shards: what is below {@code middle} in {@code field} on one, the rest on the other. */
    public void shard(String database, String collection, String field, String middle) {
        String namespace = database + "." + collection;
        admin(new Document("enableSharding", database));
        admin(new Document("shardCollection", namespace)
                .append("key", new Document(field, 1))
                .append("unique", true));
        admin(new Document("split", namespace).append("middle", new Document(field, middle)));
        admin(new Document("moveChunk", namespace)
                .append("bounds", List.of(new Document(field, new BsonMinKey()), new Document(field, middle)))
                .append("to", "one"));
        admin(new Document("moveChunk", namespace)
                .append("bounds", List.of(new Document(field, middle), new Document(field, new BsonMaxKey())))
                .append("to", "two"));
    }

    private Document admin(Document command) {
        return client.getDatabase("admin").runCommand(command);
    }

    @Override
    public void close() {
        client.close();
        running.forEach(MongodProcess.Running::close);
    }
}
