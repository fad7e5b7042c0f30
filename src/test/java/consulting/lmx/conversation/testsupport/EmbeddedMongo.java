package consulting.lmx.conversation.testsupport;

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Optional;

/**
 * The server in this process: always at hand, and the least real. It has one thread, because it reads documents while another
 * thread updates them in place.
 */
final class EmbeddedMongo {

    private EmbeddedMongo() {}

    static Optional<TestServer.Running> start() {
        MongoServer server = new MongoServer(new MemoryBackend());
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1, 1);
        String uri = server.getConnectionString();
        return Optional.of(new TestServer.Running(TestServer.embeddedKind(), uri, server::shutdownNow));
    }
}
