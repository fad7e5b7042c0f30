package consulting.lmx.conversation.mongo;

import com.mongodb.RequestContext;
import com.mongodb.reactivestreams.client.ReactiveContextProvider;
import io.opentelemetry.context.Context;
import io.quarkus.arc.lookup.LookupIfProperty;
import jakarta.inject.Singleton;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.reactivestreams.Subscriber;

/** Carries the trace from whoever subscribes to the thread, often another, on which the driver sends the command. */
@Singleton
@LookupIfProperty(name = "quarkus.otel.sdk.disabled", stringValue = "false")
public class SubscriberContext implements ReactiveContextProvider {

    @Override
    public RequestContext getContext(Subscriber<?> subscriber) {
        return new Carrier(Context.current());
    }

    /** The context that was current at the subscription; the root where the command was not sent for a subscriber. */
    static Context of(RequestContext carrier) {
        return carrier instanceof Carrier known ? known.context : Context.root();
    }

    private static final class Carrier implements RequestContext {

        private final Context context;
        private final Map<Object, Object> values = new ConcurrentHashMap<>(0);

        Carrier(Context context) {
            this.context = context;
        }

        @Override
        @SuppressWarnings("unchecked")
        public <T> T get(Object key) {
            return (T) values.get(key);
        }

        @Override
        public boolean hasKey(Object key) {
            return values.containsKey(key);
        }

        @Override
        public boolean isEmpty() {
            return values.isEmpty();
        }

        @Override
        public void put(Object key, Object value) {
            values.put(key, value);
        }

        @Override
        public void delete(Object key) {
            values.remove(key);
        }

        @Override
        public int size() {
            return values.size();
        }

        @Override
        public Stream<Map.Entry<Object, Object>> stream() {
            return values.entrySet().stream();
        }
    }
}
