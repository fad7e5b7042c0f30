package consulting.lmx.conversation;

import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;

/** Runs the embedded server as a process on the given port, to check that the benchmarks run. */
public final class EmbeddedServer {

    private EmbeddedServer() {}

    public static void main(String[] arguments) {
        new MongoServer(new MemoryBackend()).bind("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
