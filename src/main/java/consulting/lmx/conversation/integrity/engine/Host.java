package consulting.lmx.conversation.integrity.engine;

import java.net.InetAddress;
import java.net.UnknownHostException;

/** The name by which this process is known to the others: its host and its process id. */
public final class Host {

    public static final String NAME = name() + "/" + ProcessHandle.current().pid();

    private Host() {}

    private static String name() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "unknown"; // a container without a name of its own: the process id has to do
        }
    }
}
