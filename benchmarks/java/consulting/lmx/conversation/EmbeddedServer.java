package consulting.lmx.conversation;

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.net.InetAddress;
import java.net.InetSocketAddress;

/** Runs the embedded server as a process on the given port, to check that the benchmarks run. */
public final class EmbeddedServer {

    private EmbeddedServer() {}

    public static void main(String[] arguments) {
        InetSocketAddress address =
                new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[0]));
        // With one thread, since it reads documents while another thread updates them in place.
        new MongoServer(new MemoryBackend()).bind(address, 1, 1);
    }
}
