package consulting.lmx.conversation.mongo;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import mutiny.zero.flow.adapters.AdaptersToFlow;
import org.reactivestreams.Publisher;

/** Converts publishers of the driver to Mutiny. Nothing is sent before the subscription. */
public final class Publishers {

    private Publishers() {}

    /** The first item, or null if there is none. */
    public static <T> Uni<T> one(Publisher<T> publisher) {
        return Uni.createFrom().publisher(AdaptersToFlow.publisher(publisher));
    }

    /** All items, one by one. */
    public static <T> Multi<T> many(Publisher<T> publisher) {
        return Multi.createFrom().publisher(AdaptersToFlow.publisher(publisher));
    }

    /** All items as a list, for short results. */
    public static <T> Uni<List<T>> list(Publisher<T> publisher) {
        return many(publisher).collect().asList();
    }
}
