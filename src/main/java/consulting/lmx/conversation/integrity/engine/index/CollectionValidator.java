package consulting.lmx.conversation.integrity.engine.index;

import com.mongodb.client.model.ValidationAction;
import com.mongodb.client.model.ValidationLevel;
import com.mongodb.reactivestreams.client.MongoDatabase;
import consulting.lmx.conversation.integrity.engine.model.Invariant;
import consulting.lmx.conversation.integrity.engine.model.RequiredKey;
import consulting.lmx.conversation.integrity.engine.model.ValidatorMode;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.text.Text;
import io.smallrye.mutiny.Uni;
import java.util.List;
import java.util.Optional;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonString;

/**
 * The {@code $jsonSchema} validator, by which the database checks the writes of every program. The validator of another
 * program stays in force beside this one.
 */
public final class CollectionValidator {

    private static final String COLL_MOD = "collMod";
    private static final String STRICT = ValidationLevel.STRICT.getValue();
    private static final String ERROR = ValidationAction.ERROR.getValue();
    private static final String WARN = ValidationAction.WARN.getValue();

    /** Stronger than strict, from MongoDB 9.0 on. */
    private static final String CONSTRAINT = "constraint";

    private final MongoDatabase database;
    private final Invariant invariant;
    private final Optional<ValidatorMode> mode;
    private final boolean keepUnset;
    private final Capabilities capabilities;
    private final BsonDocument schema;
    private CollectionInfo original;

    /**
     * @param mode the configured mode
     * @param keepUnset whether an existing validator keeps its action if no mode is configured
     */
    public CollectionValidator(
            MongoDatabase database,
            Invariant invariant,
            Optional<ValidatorMode> mode,
            boolean keepUnset,
            Capabilities capabilities) {
        this.database = database;
        this.invariant = invariant;
        this.mode = mode;
        this.keepUnset = keepUnset;
        this.capabilities = capabilities;
        this.schema = schema(invariant);
    }

    /** The invariant as a JSON schema, except uniqueness, which the indexes enforce. */
    private static BsonDocument schema(Invariant invariant) {
        BsonArray required = new BsonArray();
        BsonDocument properties = new BsonDocument();
        for (RequiredKey key : invariant.keys()) {
            required.add(new BsonString(key.field()));
            properties.append(
                    key.field(),
                    new BsonDocument("bsonType", new BsonString("string"))
                            .append("pattern", new BsonString(Text.NOT_BLANK)));
        }
        return new BsonDocument(
                "$jsonSchema",
                new BsonDocument("bsonType", new BsonString("object"))
                        .append("required", required)
                        .append("properties", properties));
    }

    /** Whether {@link #apply} with {@code STRICT} would change nothing, or the server has no validators. */
    public Uni<Boolean> isAsWanted() {
        return info().map(info -> {
            warnIfWeak(info, info.validationLevel());
            return isInForce(info, finalLevel(info)) || capabilities.missing().contains(COLL_MOD);
        });
    }

    /**
     * Installs the validator, or removes it in the mode {@code OFF}. If the server has no validators, {@link Capabilities}
     * says so.
     *
     * @param level {@code STRICT}, or {@code MODERATE} during a heal: the server accepts updates of broken documents then
     */
    public Uni<Void> apply(ValidationLevel level) {
        return info().chain(info -> {
            if (original == null) {
                original = info;
            }
            String wanted = level == ValidationLevel.STRICT ? finalLevel(original) : level.getValue();
            warnIfWeak(info, finalLevel(original));
            return isInForce(info, wanted) ? Uni.createFrom().voidItem() : change(info, wanted);
        });
    }

    private Uni<Void> change(CollectionInfo info, String level) {
        BsonDocument rules = wantedRules(info.validator());
        BsonDocument change =
                rules.equals(info.validator()) ? new BsonDocument() : new BsonDocument("validator", rules);
        if (!is(ValidatorMode.OFF)) {
            change.append("validationLevel", new BsonString(level))
                    .append("validationAction", new BsonString(action(info)));
        }
        BsonDocument command = new BsonDocument(COLL_MOD, new BsonString(invariant.collection()));
        command.putAll(change);
        return Publishers.one(database.runCommand(command))
                .replaceWithVoid()
                .call(() -> read().invoke(now -> IndexCommands.CHANGES.infof(
                        "event=validator collection=%s from=%s to=%s", invariant.collection(), describe(info), now)))
                .onFailure(DriverFailure::isUnknownCommand)
                .recoverWithUni(this::unsupported);
    }

    private Uni<Void> unsupported() {
        if (!is(ValidatorMode.OFF)) {
            capabilities.lacks(
                    COLL_MOD, "the database does not reject documents without their keys; only this service does");
        }
        return Uni.createFrom().voidItem();
    }

    private Uni<CollectionInfo> info() {
        return CollectionInfo.read(database, invariant.collection());
    }

    /** The validator that the database has: {@code strict}, {@code moderate}, {@code warn} or {@code none}. */
    public Uni<String> read() {
        return info().map(this::describe);
    }

    private String describe(CollectionInfo info) {
        if (!hasSchema(info)) {
            return "none";
        }
        return WARN.equals(info.validationAction()) ? WARN : info.validationLevel();
    }

    private boolean is(ValidatorMode one) {
        return mode.equals(Optional.of(one));
    }

    private boolean isInForce(CollectionInfo info, String level) {
        if (is(ValidatorMode.OFF)) {
            return !hasSchema(info);
        }
        String current = info.validationLevel();
        return hasSchema(info)
                && (current.equals(level) || current.equals(CONSTRAINT) && level.equals(STRICT))
                && action(info).equals(info.validationAction());
    }

    /** Level and action apply to the whole collection: if no mode is configured, another program's validator keeps both. */
    private boolean isShared(CollectionInfo info) {
        return mode.isEmpty()
                && !info.validator().isEmpty()
                && !info.validator().equals(schema);
    }

    /** The level after the heal. During the heal it is {@code moderate}, so that documents which others reject can be repaired. */
    private String finalLevel(CollectionInfo info) {
        return isShared(info) ? info.validationLevel() : STRICT;
    }

    /** An existing action that rejects or warns as wanted stays: from MongoDB 8.1 on, {@code errorAndLog} rejects too. */
    private String action(CollectionInfo info) {
        boolean kept = isShared(info)
                || mode.isEmpty() && keepUnset && !info.validator().isEmpty();
        boolean warns = is(ValidatorMode.WARN);
        return kept || warns == WARN.equals(info.validationAction()) ? info.validationAction() : warns ? WARN : ERROR;
    }

    private void warnIfWeak(CollectionInfo info, String level) {
        boolean weak = WARN.equals(info.validationAction()) || !STRICT.equals(level);
        if (weak && isShared(info)) {
            capabilities.lacks(
                    "strict validator",
                    "the validator of another program has the level " + level + " and the action "
                            + info.validationAction() + ", which apply to this service's rules too; set"
                            + " conversations.integrity.validator to change them for both");
        }
    }

    /** The existing rules, with the schema added or removed. */
    private BsonDocument wantedRules(BsonDocument existing) {
        if (is(ValidatorMode.OFF)) {
            return without(existing);
        }
        if (contains(existing)) {
            return existing;
        }
        return existing.isEmpty() ? schema : new BsonDocument("$and", new BsonArray(List.of(existing, schema)));
    }

    private boolean hasSchema(CollectionInfo info) {
        return contains(info.validator());
    }

    private boolean contains(BsonDocument validator) {
        return validator.equals(schema)
                || validator.containsKey("$and") && validator.getArray("$and").contains(schema);
    }

    private BsonDocument without(BsonDocument existing) {
        if (existing.equals(schema)) {
            return new BsonDocument();
        }
        if (!contains(existing)) {
            return existing;
        }
        BsonArray others = new BsonArray(existing.getArray("$and").stream()
                .filter(part -> !part.equals(schema))
                .toList());
        return others.size() == 1 ? others.get(0).asDocument() : new BsonDocument("$and", others);
    }
}
