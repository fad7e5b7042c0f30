package consulting.lmx.conversation.conversation;

import static consulting.lmx.conversation.conversation.ConversationFields.CONVERSATION_ID;
import static consulting.lmx.conversation.conversation.ConversationFields.SESSION_ID;

import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.InsertOneModel;
import com.mongodb.client.model.ReplaceOneModel;
import com.mongodb.client.model.UpdateManyModel;
import com.mongodb.client.model.UpdateOneModel;
import com.mongodb.client.model.UpdateOptions;
import com.mongodb.reactivestreams.client.ClientSession;
import consulting.lmx.conversation.text.Text;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.runtime.annotations.RegisterForProxy;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.bson.BsonDocument;
import org.bson.BsonDocumentWrapper;
import org.bson.BsonValue;
import org.bson.codecs.configuration.CodecRegistry;
import org.bson.conversions.Bson;

/**
 * A view of the collection through which no write leaves a document without its ids. Entities are seen to by their codec;
 * documents of another type, updates and upserts are read here before they are sent, and refused with an
 * {@link InvalidRecordException}. What cannot be read beforehand (pipelines that write) is not offered.
 */
@RegisterForProxy(targets = ReactiveMongoCollection.class)
final class WriteGuard {

    private static final List<String> REQUIRED = List.of(CONVERSATION_ID, SESSION_ID);
    private static final Set<String> SETTERS = Set.of("$set", "$setOnInsert");
    private static final Set<String> WRITING_STAGES = Set.of("$out", "$merge");

    private final ReactiveMongoCollection<?> collection;

    private WriteGuard(ReactiveMongoCollection<?> collection) {
        this.collection = collection;
    }

    @SuppressWarnings("unchecked")
    static <T> ReactiveMongoCollection<T> guard(ReactiveMongoCollection<T> collection) {
        WriteGuard guard = new WriteGuard(collection);
        return (ReactiveMongoCollection<T>) Proxy.newProxyInstance(
                ReactiveMongoCollection.class.getClassLoader(),
                new Class<?>[] {ReactiveMongoCollection.class},
                (proxy, method, arguments) -> guard.invoke(method, arguments == null ? new Object[0] : arguments));
    }

    private Object invoke(Method method, Object[] arguments) throws Throwable {
        switch (method.getName()) {
            case "insertOne" -> checkDocument(argument(arguments, 0));
            case "insertMany" -> ((List<?>) argument(arguments, 0)).forEach(this::checkDocument);
            case "replaceOne", "findOneAndReplace" -> checkDocument(argument(arguments, 1));
            case "updateOne", "updateMany", "findOneAndUpdate" ->
                checkUpdate(argument(arguments, 0), argument(arguments, 1), isUpsert(arguments));
            case "bulkWrite" -> ((List<?>) argument(arguments, 0)).forEach(this::checkModel);
            case "aggregate" -> checkPipeline((List<?>) argument(arguments, 0));
            case "mapReduce" -> throw notOffered(method.getName());
            default -> {
                // reads, deletes, indexes: nothing that could leave a document without its ids
            }
        }
        try {
            Object result = method.invoke(collection, arguments);
            return result instanceof ReactiveMongoCollection<?> other ? guard(other) : result;
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** The n-th argument, a session before it not counted. */
    private static Object argument(Object[] arguments, int n) {
        boolean session = arguments[0] instanceof ClientSession;
        return arguments[session ? n + 1 : n];
    }

    private static boolean isUpsert(Object[] arguments) {
        return Arrays.stream(arguments)
                .anyMatch(a -> a instanceof UpdateOptions u && u.isUpsert()
                        || a instanceof FindOneAndUpdateOptions f && f.isUpsert());
    }

    private void checkModel(Object model) {
        if (model instanceof InsertOneModel<?> insert) {
            checkDocument(insert.getDocument());
        } else if (model instanceof ReplaceOneModel<?> replace) {
            checkDocument(replace.getReplacement());
        } else if (model instanceof UpdateOneModel<?> update) {
            checkUpdate(
                    update.getFilter(), update.getUpdate(), update.getOptions().isUpsert());
        } else if (model instanceof UpdateManyModel<?> update) {
            checkUpdate(
                    update.getFilter(), update.getUpdate(), update.getOptions().isUpsert());
        }
    }

    private void checkDocument(Object document) {
        if (document instanceof Conversation) {
            return; // its codec sees to it
        }
        BsonDocument bson = document instanceof BsonDocument plain
                ? plain
                : BsonDocumentWrapper.asBsonDocument(document, registry());
        REQUIRED.forEach(field -> requireText(field, bson.get(field)));
    }

    private void checkUpdate(Object filter, Object update, boolean upsert) {
        if (!(update instanceof Bson)) {
            throw notOffered("an update by a pipeline");
        }
        BsonDocument operators = toBson(update);
        for (Map.Entry<String, BsonValue> operator : operators.entrySet()) {
            operator.getValue().asDocument().forEach((path, value) -> checkChange(operator.getKey(), path, value));
        }
        if (upsert) {
            BsonDocument equalities = toBson(filter);
            REQUIRED.forEach(field -> requireText(field, inserted(field, equalities, operators)));
        }
    }

    private static void checkChange(String operator, String path, BsonValue value) {
        for (String field : REQUIRED) {
            boolean renamedTo = operator.equals("$rename")
                    && value.isString()
                    && touches(field, value.asString().getValue());
            if (renamedTo || touches(field, path) && !SETTERS.contains(operator)) {
                throw new InvalidRecordException(field, "may not be changed by " + operator);
            }
            if (touches(field, path)) {
                requireText(field, path.equals(field) ? value : null);
            }
        }
    }

    private static boolean touches(String field, String path) {
        return path.equals(field) || path.startsWith(field + ".");
    }

    /** What an upsert would store in {@code field}: what is set, else what the filter asks for by equality. */
    private static BsonValue inserted(String field, BsonDocument filter, BsonDocument operators) {
        for (String setter : SETTERS) {
            BsonValue set = operators.containsKey(setter)
                    ? operators.getDocument(setter).get(field)
                    : null;
            if (set != null) {
                return set;
            }
        }
        BsonValue asked = filter.get(field);
        return asked != null && asked.isDocument() ? asked.asDocument().get("$eq") : asked;
    }

    private void checkPipeline(List<?> stages) {
        for (Object stage : stages) {
            if (toBson(stage).keySet().stream().anyMatch(WRITING_STAGES::contains)) {
                throw notOffered("an aggregation that writes");
            }
        }
    }

    private static void requireText(String field, BsonValue value) {
        if (value == null || !value.isString() || Text.isBlank(value.asString().getValue())) {
            throw new InvalidRecordException(field);
        }
    }

    private BsonDocument toBson(Object bson) {
        return bson instanceof BsonDocument plain
                ? plain
                : ((Bson) bson).toBsonDocument(Conversation.class, registry());
    }

    private CodecRegistry registry() {
        return collection.getCodecRegistry();
    }

    private static UnsupportedOperationException notOffered(String what) {
        return new UnsupportedOperationException(
                what
                        + " is not offered on the guarded collection, since what it stores cannot be checked before it is sent");
    }
}
