package consulting.lmx.conversation.integrity.engine.index;

import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;

/**
 * The database's own check of the invariant, which no program that writes to it can go around. A validator that somebody
 * else put there stays in force beside ours.
 */
public final class CollectionValidator {

    /** What stands in the collection's options. */
    public enum Level {
        /** Holds for new documents, and for old ones that are sound already: while the heal runs. */
        MODERATE,
        /** Holds for every write. */
        STRICT;

        String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    private static final String COLL_MOD = "collMod";
    private static final String ERROR = "error";
    private static final String WARN = "warn";

    /** From MongoDB 9.0 on, stronger than strict: all documents satisfy the rules, which cannot be changed meanwhile. */
    private static final String CONSTRAINT = "constraint";

    private final MongoDatabase database;
    private final Invariant invariant;
    private final Optional<ValidatorMode> setting;
    private final boolean leavesUnset;
    private final Capabilities capabilities;
    private CollectionInfo found;

    /**
     * @param setting the force that the configuration names
     * @param leavesUnset whether one that is there keeps its force if no setting names one
     */
    public CollectionValidator(
            MongoDatabase database,
            Invariant invariant,
            Optional<ValidatorMode> setting,
            boolean leavesUnset,
            Capabilities capabilities) {
        this.database = database;
        this.invariant = invariant;
        this.setting = setting;
        this.leavesUnset = leavesUnset;
        this.capabilities = capabilities;
    }

    /** Whether nothing is to be changed; a server that has no validators is left as it is. */
    public Uni<Boolean> isAsWanted() {
        return CollectionInfo.read(database, invariant.collection()).map(info -> {
            warnIfWeak(info, info.validationLevel());
            return isInForce(info, finalLevel(info)) || capabilities.missing().contains(COLL_MOD);
        });
    }

    /** Puts the validator in force, or removes it if it is not wanted; done when the server's own answer shows it. */
    public Uni<Void> apply(Level level) {
        return CollectionInfo.read(database, invariant.collection()).chain(info -> {
            if (found == null) {
                found = info;
            }
            String wanted = level == Level.STRICT || isHeldAsConstraint(info) ? finalLevel(found) : level.word();
            warnIfWeak(info, finalLevel(found));
            return isInForce(info, wanted) ? Uni.createFrom().voidItem() : change(info, wanted);
        });
    }

    private Uni<Void> change(CollectionInfo info, String level) {
        if (CONSTRAINT.equals(info.validationLevel())) {
            return modify(new BsonDocument("validationLevel", new BsonString(Level.STRICT.word())))
                    .chain(() -> CollectionInfo.read(database, invariant.collection()))
                    .chain(loosened -> change(loosened, level));
        }
        BsonDocument rules = wanted(info.validator());
        BsonDocument change =
                rules.equals(info.validator()) ? new BsonDocument() : new BsonDocument("validator", rules);
        if (!isOff()) {
            change.append("validationLevel", new BsonString(level))
                    .append("validationAction", new BsonString(action(info)));
        }
        return modify(change)
                .call(() -> read().invoke(now -> Changes.LOG.infof(
                        "event=validator collection=%s from=%s to=%s", invariant.collection(), describe(info), now)))
                .onFailure(DriverFailure::isUnknownCommand)
                .recoverWithUni(this::unsupported)
                .onFailure(DriverFailure::isDenied)
                .invoke(denied -> capabilities.denied(COLL_MOD + " on " + invariant.collection()))
                .onFailure(DriverFailure::isDenied)
                .recoverWithNull();
    }

    private Uni<Void> modify(BsonDocument change) {
        BsonDocument command = new BsonDocument(COLL_MOD, new BsonString(invariant.collection()));
        command.putAll(change);
        return Publishers.one(database.runCommand(command)).replaceWithVoid();
    }

    private Uni<Void> unsupported() {
        if (!isOff()) {
            capabilities.lacks(
                    COLL_MOD,
                    "the database itself does not refuse documents without their keys; only this service does");
        }
        return Uni.createFrom().voidItem();
    }

    /** The validator as the database has it: {@code strict}, {@code moderate}, {@code warn} or {@code none}. */
    public Uni<String> read() {
        return CollectionInfo.read(database, invariant.collection()).map(this::describe);
    }

    private String describe(CollectionInfo info) {
        if (!contains(info.validator(), schema())) {
            return "none";
        }
        return WARN.equals(info.validationAction()) ? WARN : info.validationLevel();
    }

    private boolean isOff() {
        return setting.equals(Optional.of(ValidatorMode.OFF));
    }

    private boolean isInForce(CollectionInfo info, String level) {
        boolean there = contains(info.validator(), schema());
        if (isOff()) {
            return !there;
        }
        return there && level.equals(info.validationLevel()) && action(info).equals(info.validationAction());
    }

    /** Level and action are those of the whole collection: without a setting, another program's validator keeps its own. */
    private boolean isAnothersToo(CollectionInfo info) {
        return setting.isEmpty()
                && !info.validator().isEmpty()
                && !info.validator().equals(schema());
    }

    /** Whatever it is at the end, it is {@code moderate} during a heal: so what another's part refuses can be repaired too. */
    private String finalLevel(CollectionInfo found) {
        boolean kept = isAnothersToo(found) || isHeldAsConstraint(found);
        return kept ? found.validationLevel() : Level.STRICT.word();
    }

    private boolean isHeldAsConstraint(CollectionInfo info) {
        return CONSTRAINT.equals(info.validationLevel())
                && contains(info.validator(), schema())
                && !setting.equals(Optional.of(ValidatorMode.WARN));
    }

    private String action(CollectionInfo info) {
        boolean kept = isAnothersToo(info)
                || setting.isEmpty() && leavesUnset && !info.validator().isEmpty();
        if (kept || setting.equals(Optional.of(ValidatorMode.WARN)) == WARN.equals(info.validationAction())) {
            return info.validationAction(); // error, or from MongoDB 8.1 on errorAndLog
        }
        return setting.equals(Optional.of(ValidatorMode.WARN)) ? WARN : ERROR;
    }

    private void warnIfWeak(CollectionInfo info, String level) {
        boolean weak =
                WARN.equals(info.validationAction()) || !Level.STRICT.word().equals(level);
        if (weak && isAnothersToo(info)) {
            capabilities.lacks(
                    "strict validator",
                    "the validator of another program has the level " + level + " and the action "
                            + info.validationAction() + ", which apply to this service's part too; set"
                            + " conversations.integrity.validator to change them for both");
        }
    }

    /** What is there now, with ours added or taken away. */
    private BsonDocument wanted(BsonDocument there) {
        boolean contained = contains(there, schema());
        if (isOff()) {
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
