package consulting.lmx.conversation.dev;

import com.mongodb.MongoClientSettings;
import com.mongodb.ServerAddress;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import io.quarkus.arc.profile.IfBuildProfile;
import io.quarkus.mongodb.runtime.MongoClientCustomizer;
import jakarta.annotation.PreDestroy;
import jakarta.inject.Singleton;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.bson.BsonDocument;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * The database of dev mode if {@code MONGODB_URI} is not set: a server in this process, on a free port of the loopback
 * interface, with a sample of the old application's broken conversations. Its data lasts as long as the process.
 */
@IfBuildProfile("dev")
@Singleton
public class EmbeddedServer implements MongoClientCustomizer {

    private static final Logger LOG = Logger.getLogger(EmbeddedServer.class);
    private static final String SAMPLE = "dev/sample.jsonl";

    private final Optional<String> connectionString;
    private final String database;
    private MongoServer server;

    EmbeddedServer(
            @ConfigProperty(name = "quarkus.mongodb.connection-string") Optional<String> connectionString,
            @ConfigProperty(name = "quarkus.mongodb.database") String database) {
        this.connectionString = connectionString;
        this.database = database;
    }

    @Override
    public synchronized MongoClientSettings.Builder customize(MongoClientSettings.Builder settings) {
        if (connectionString.isPresent()) {
            return settings;
        }
        if (server == null) {
            server = new MongoServer(new MemoryBackend());
            // With one thread, since it reads documents while another thread updates them in place.
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1, 1);
            InetSocketAddress address = server.getLocalAddress();
            int documents = loadSample(address);
            LOG.infof("event=embedded-server port=%d sample=%d conversations", address.getPort(), documents);
        }
        InetSocketAddress address = server.getLocalAddress();
        return settings.applyToClusterSettings(
                cluster -> cluster.hosts(List.of(new ServerAddress(address.getHostName(), address.getPort()))));
    }

    private int loadSample(InetSocketAddress address) {
        String uri = "mongodb://" + address.getHostString() + ":" + address.getPort();
        try (MongoClient client = MongoClients.create(uri)) {
            MongoCollection<BsonDocument> collection =
                    client.getDatabase(database).getCollection("conversations", BsonDocument.class);
            List<BsonDocument> documents = readSample();
            collection.insertMany(documents);
            return documents.size();
        }
    }

    private static List<BsonDocument> readSample() {
        try (InputStream sample = Thread.currentThread().getContextClassLoader().getResourceAsStream(SAMPLE);
                BufferedReader lines = new BufferedReader(new InputStreamReader(sample, StandardCharsets.UTF_8))) {
            return lines.lines().map(BsonDocument::parse).toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @PreDestroy
    void stop() {
        if (server != null) {
            server.shutdownNow();
        }
    }
}
