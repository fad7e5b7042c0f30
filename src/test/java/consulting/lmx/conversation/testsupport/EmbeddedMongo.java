package consulting.lmx.conversation.testsupport;

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.Optional;

/** The server in this process: always at hand, and the least real. */
final class EmbeddedMongo {

    private EmbeddedMongo() {}

    static Optional<TestServer.Running> start() {
        MongoServer server = new MongoServer(new MemoryBackend());
        String uri = server.bindAndGetConnectionString();
        return Optional.of(new TestServer.Running(TestServer.embeddedKind(), uri, server::shutdownNow));
    }
}
