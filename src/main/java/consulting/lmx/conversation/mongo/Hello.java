package consulting.lmx.conversation.mongo;

import io.smallrye.mutiny.Uni;
import java.util.function.Function;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.conversions.Bson;

/** The command with which a server describes itself. */
public final class Hello {

    private static final BsonDocument HELLO = new BsonDocument("hello", new BsonInt32(1));

    /** The name of the command before MongoDB 5.0. */
    private static final BsonDocument IS_MASTER = new BsonDocument("isMaster", new BsonInt32(1));

    private Hello() {}

    /**
     * The server's reply to {@code hello}, or to {@code isMaster} if the server does not know {@code hello}.
     *
     * @param runCommand runs a command on the primary
     */
    public static Uni<BsonDocument> ask(Function<Bson, Uni<BsonDocument>> runCommand) {
        return runCommand
                .apply(HELLO)
                .onFailure(DriverFailure::isUnknownCommand)
                .recoverWithUni(() -> runCommand.apply(IS_MASTER));
    }
}
