package consulting.lmx.conversation.integrity.engine.repair;

import java.util.Comparator;
import java.util.List;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonString;
import org.bson.BsonValue;

/** The filter and the {@code $set} stage of one update that gives each document a different value. */
final class ListedUpdate {

    private static final BsonString ID = new BsonString("$_id");
    private static final int SHORT_LIST = 16;

    private ListedUpdate() {}

    /** The filter {@code {_id: {$in: [ids]}, …also}}. */
    static BsonDocument anyOf(List<Repair> repairs, BsonDocument also) {
        BsonDocument filter = new BsonDocument("_id", new BsonDocument("$in", ids(repairs)));
        filter.putAll(also);
        return filter;
    }

    /**
     * A stage: {@code {$set: {field: …, …also}}}, which sets {@code field} to the value for the document's {@code _id}. The
     * server searches a list from its start, so long lists are slow. Java sorts ObjectIds as the server does, so they form a
     * binary search over short lists.
     */
    static BsonDocument set(String field, List<Repair> repairs, BsonDocument also) {
        boolean sortable = repairs.stream().allMatch(repair -> repair.id().isObjectId());
        BsonDocument fields = new BsonDocument(field, sortable ? search(sorted(repairs)) : lookup(repairs));
        fields.putAll(also);
        return new BsonDocument("$set", fields);
    }

    private static List<Repair> sorted(List<Repair> repairs) {
        return repairs.stream()
                .sorted(Comparator.comparing(repair -> repair.id().asObjectId()))
                .toList();
    }

    private static BsonDocument search(List<Repair> repairs) {
        if (repairs.size() <= SHORT_LIST) {
            return lookup(repairs);
        }
        List<Repair> lower = repairs.subList(0, repairs.size() / 2);
        List<Repair> upper = repairs.subList(lower.size(), repairs.size());
        BsonDocument isLower = operator("$lt", ID, upper.get(0).id());
        return operator("$cond", isLower, search(lower), search(upper));
    }

    private static BsonDocument lookup(List<Repair> repairs) {
        BsonArray values = new BsonArray(
                repairs.stream().map(repair -> new BsonString(repair.value())).toList());
        return operator("$arrayElemAt", literal(values), operator("$indexOfArray", literal(ids(repairs)), ID));
    }

    private static BsonArray ids(List<Repair> repairs) {
        return new BsonArray(repairs.stream().map(Repair::id).toList());
    }

    private static BsonDocument literal(BsonValue value) {
        return new BsonDocument("$literal", value);
    }

    private static BsonDocument operator(String name, BsonValue... operands) {
        return new BsonDocument(name, new BsonArray(List.of(operands)));
    }
}
