package consulting.lmx.conversation.integrity;

import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.error.DriverFailure;
import consulting.lmx.conversation.integrity.IntegrityConfig.Force;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Locale;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.jboss.logging.Logger;

/**
 * The database's own check of the invariant, which no program that writes to it can go around. A validator that somebody
 * else put there stays in force beside ours.
 */
final class CollectionValidator {

    /** What stands in the collection's options. */
    enum Level {
        /** Holds for new documents, and for old ones that are sound already: while the heal runs. */
        MODERATE,
        /** Holds for every write. */
        STRICT;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final Logger LOG = Logger.getLogger(CollectionValidator.class);
    private static final String COLL_MOD = "collMod";
    private static final int COMMAND_NOT_FOUND = 59;

    private final MongoDatabase database;
    private final Invariant invariant;
    private final Force force;
    private final Capabilities capabilities;

    CollectionValidator(MongoDatabase database, Invariant invariant, Force force, Capabilities capabilities) {
        this.database = database;
        this.invariant = invariant;
        this.force = force;
        this.capabilities = capabilities;
    }

    /** Whether nothing is to be changed; a server that has no validators is left as it is. */
    Uni<Boolean> isAsWanted() {
        return CollectionInfo.read(database, invariant.collection())
                .map(info ->
                        isInForce(info, Level.STRICT) || capabilities.missing().contains(COLL_MOD));
    }

    /** Puts the validator in force, or removes it where it is not wanted; done when the server's own answer shows it. */
    Uni<Void> apply(Level level) {
        return CollectionInfo.read(database, invariant.collection()).chain(info -> {
            if (isInForce(info, level)) {
                return Uni.createFrom().voidItem();
            }
            BsonDocument command = new BsonDocument(COLL_MOD, new BsonString(invariant.collection()))
                    .append("validator", wanted(info.validator()));
            if (force != Force.OFF) {
                command.append("validationLevel", new BsonString(level.word()))
                        .append("validationAction", new BsonString(action()));
            }
            return Publishers.one(database.runCommand(command))
                    .invoke(() -> LOG.infof(
                            "event=validator collection=%s force=%s level=%s",
                            invariant.collection(), force, level.word()))
                    .replaceWithVoid()
                    .onFailure(failure -> DriverFailure.hasCode(failure, COMMAND_NOT_FOUND))
                    .recoverWithUni(this::unsupported)
                    .onFailure(DriverFailure::isDenied)
                    .invoke(denied -> capabilities.denied(COLL_MOD + " on " + invariant.collection()))
                    .onFailure(DriverFailure::isDenied)
                    .recoverWithNull();
        });
    }

    private Uni<Void> unsupported() {
        if (force != Force.OFF) {
            capabilities.lacks(
                    COLL_MOD,
                    "the database itself does not refuse documents without their keys; only this service does");
        }
        return Uni.createFrom().voidItem();
    }

    /** The validator as the database has it: {@code strict}, {@code moderate}, {@code warn} or {@code none}. */
    Uni<String> read() {
        return CollectionInfo.read(database, invariant.collection()).map(info -> {
            if (!contains(info.validator(), schema())) {
                return "none";
            }
            return "warn".equals(info.validationAction()) ? "warn" : info.validationLevel();
        });
    }

    private boolean isInForce(CollectionInfo info, Level level) {
        boolean there = contains(info.validator(), schema());
        if (force == Force.OFF) {
            return !there;
        }
        return there && level.word().equals(info.validationLevel()) && action().equals(info.validationAction());
    }

    private String action() {
        return force == Force.WARN ? "warn" : "error";
    }

    /** What is there now, with ours added or taken away. */
    private BsonDocument wanted(BsonDocument there) {
        boolean contained = contains(there, schema());
        if (force == Force.OFF) {
            return contained ? without(there) : there;
        }
        if (contained) {
            return there;
        }
        return there.isEmpty() ? schema() : new BsonDocument("$and", new BsonArray(List.of(there, schema())));
    }

    private static boolean contains(BsonDocument validator, BsonDocument schema) {
        return validator.equals(schema)
                || validator.containsKey("$and") && validator.getArray("$and").contains(schema);
    }

    private BsonDocument without(BsonDocument there) {
        if (there.equals(schema())) {
            return new BsonDocument();
        }
        BsonArray others = new BsonArray(there.getArray("$and").stream()
                .filter(part -> !part.equals(schema()))
                .toList());
        return others.size() == 1 ? others.get(0).asDocument() : new BsonDocument("$and", others);
    }

    /** The invariant as a JSON schema; uniqueness is the indexes' part. */
    private BsonDocument schema() {
        BsonArray required = new BsonArray();
        BsonDocument properties = new BsonDocument();
        for (RequiredKey key : invariant.keys()) {
            required.add(new BsonString(key.field()));
            properties.append(
                    key.field(),
                    new BsonDocument("bsonType", new BsonString("string"))
                            .append("pattern", new BsonString(Text.NOT_BLANK)));
        }
        BsonValue schema = new BsonDocument("bsonType", new BsonString("object"))
                .append("required", required)
                .append("properties", properties);
        return new BsonDocument("$jsonSchema", schema);
    }
}
