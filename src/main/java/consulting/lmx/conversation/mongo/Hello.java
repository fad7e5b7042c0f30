package consulting.lmx.conversation.mongo;

import io.smallrye.mutiny.Uni;
import java.util.function.Function;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.conversions.Bson;

/** What a server says of itself. */
public final class Hello {

    private static final BsonDocument HELLO = new BsonDocument("hello", new BsonInt32(1));

    /** The old name of the command. */
    private static final BsonDocument IS_MASTER = new BsonDocument("isMaster", new BsonInt32(1));

    private Hello() {}

    /**
     * The server's answer to {@code hello}, or to {@code isMaster} if it does not know the former.
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
