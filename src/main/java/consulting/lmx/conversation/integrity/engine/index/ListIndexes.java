package consulting.lmx.conversation.integrity.engine.index;

import com.mongodb.client.model.IndexOptions;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.integrity.engine.model.ListIndex;
import consulting.lmx.conversation.mongo.DriverFailure;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;

/** Makes the indexes that the application's lists are ordered by, where they are missing. */
public final class ListIndexes {

    private final IndexCommands commands;
    private final List<ListIndex> declared;
    private final Capabilities capabilities;

    public ListIndexes(IndexCommands commands, List<ListIndex> declared, Capabilities capabilities) {
        this.commands = commands;
        this.declared = declared;
        this.capabilities = capabilities;
    }

    public Uni<Boolean> stand() {
        return commands.all().map(all -> missing(all).isEmpty());
    }

    public Uni<Void> ensure() {
        return commands.all()
                .chain(all -> Multi.createFrom()
                        .iterable(missing(all))
                        .onItem()
                        .transformToUniAndConcatenate(index -> replace(index, all))
                        .collect()
                        .last());
    }

    private List<ListIndex> missing(List<IndexView> all) {
        return declared.stream()
                .filter(wanted -> all.stream().noneMatch(wanted::isCarriedBy)
                        && !capabilities.missing().contains(wanted.name()))
                .toList();
    }

    /** One of its name and key that compares strings by another collation was made by an earlier version, and goes first. */
    private Uni<Void> replace(ListIndex index, List<IndexView> all) {
        boolean outdated = all.stream().anyMatch(index::isOutdated);
        return (outdated ? commands.drop(index.name()) : Uni.createFrom().voidItem())
                .chain(() -> commands.create(index.key(), index.name(), new IndexOptions()))
                .onFailure(DriverFailure::isDenied)
                .recoverWithUni(denied -> {
                    capabilities.denied("createIndex and dropIndex on " + commands.collection());
                    return Uni.createFrom().voidItem();
                })
                .onFailure(failure -> !DriverFailure.isUnavailable(failure))
                .recoverWithUni(refused -> {
                    capabilities.lacks(
                            index.name(), "lists sort in the server's memory instead: " + refused.getMessage());
                    return Uni.createFrom().voidItem();
                });
    }
}
