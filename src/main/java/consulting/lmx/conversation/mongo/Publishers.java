package consulting.lmx.conversation.mongo;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.List;
import mutiny.zero.flow.adapters.AdaptersToFlow;
import org.reactivestreams.Publisher;

/** The driver's publishers as Mutiny's types. Nothing is sent before somebody subscribes. */
public final class Publishers {

    private Publishers() {}

    /** The first item, or null where there is none. */
    public static <T> Uni<T> one(Publisher<T> publisher) {
        return Uni.createFrom().publisher(AdaptersToFlow.publisher(publisher));
    }

    public static <T> Multi<T> many(Publisher<T> publisher) {
        return Multi.createFrom().publisher(AdaptersToFlow.publisher(publisher));
    }

    /** All items: for answers that are known to be short. */
    public static <T> Uni<List<T>> list(Publisher<T> publisher) {
        return many(publisher).collect().asList();
    }
}
