package consulting.lmx.conversation.store;

import static consulting.lmx.conversation.store.ConversationFields.CREATED_AT;
import static consulting.lmx.conversation.store.ConversationFields.MESSAGES;
import static consulting.lmx.conversation.store.ConversationFields.OFFLOADED;
import static consulting.lmx.conversation.store.ConversationFields.SESSION_ID;
import static consulting.lmx.conversation.store.ConversationFields.UPDATED_AT;

import com.mongodb.ConnectionString;
import com.mongodb.MongoClientSettings;
import com.mongodb.ReadConcern;
import com.mongodb.WriteConcern;
import com.mongodb.client.model.FindOneAndUpdateOptions;
import com.mongodb.client.model.ReturnDocument;
import com.mongodb.connection.TransportSettings;
import com.mongodb.reactivestreams.client.MongoClients;
import com.mongodb.reactivestreams.client.MongoCollection;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.vertx.core.buffer.impl.VertxByteBufAllocator;
import java.util.List;
import java.util.Queue;
import java.util.Scanner;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.bson.BsonDateTime;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonString;
import org.bson.codecs.configuration.CodecRegistries;
import org.reactivestreams.Publisher;
import org.reactivestreams.Subscriber;
import org.reactivestreams.Subscription;

/**
 * The driver alone, with the operations of the routes and with the service's settings. It runs one operation after the other
 * on each of as many lanes as the load has connections. It reads commands from standard input ({@code prepare CONVERSATIONS},
 * or a route and milliseconds) and prints the number of operations.
 */
public final class DriverLoop {

    private static final int LANES = 32;
    private static final String CALLER = "caller";
    private static final BsonDocument IS_SHORT = MessageQuery.isShort(Conversations.SHORT_BYTES);
    private static final BsonDocument READ = MessageQuery.projection(StoredConversation.FIELDS);

    private final MongoCollection<Conversation> conversations;
    private final MongoCollection<BsonDocument> documents;
    private List<String> ids = List.of();

    private DriverLoop(MongoCollection<Conversation> conversations) {
        this.conversations = conversations;
        this.documents = conversations.withDocumentClass(BsonDocument.class);
    }

    public static void main(String[] arguments) throws InterruptedException {
        MongoClientSettings settings = MongoClientSettings.builder()
                .applyConnectionString(new ConnectionString(System.getenv("MONGODB_URI")))
                .writeConcern(WriteConcern.MAJORITY.withJournal(true))
                .readConcern(ReadConcern.MAJORITY)
                .codecRegistry(CodecRegistries.fromRegistries(
                        CodecRegistries.fromProviders(new ConversationCodecProvider()),
                        MongoClientSettings.getDefaultCodecRegistry()))
                .transportSettings(TransportSettings.nettyBuilder()
                        .allocator(VertxByteBufAllocator.POOLED_ALLOCATOR)
                        .eventLoopGroup(new NioEventLoopGroup())
                        .socketChannelClass(NioSocketChannel.class)
                        .build())
                .build();
        DriverLoop loop = new DriverLoop(MongoClients.create(settings)
                .getDatabase(System.getenv("MONGODB_DB"))
                .getCollection(ConversationFields.COLLECTION, Conversation.class));
        Scanner told = new Scanner(System.in);
        while (told.hasNext()) {
            System.out.println(loop.does(told.next(), told.nextInt()));
        }
        System.exit(0);
    }

    private long does(String what, int number) throws InterruptedException {
        if (what.equals("prepare")) {
            ids = Stream.generate(() -> UUID.randomUUID().toString())
                    .limit(number)
                    .toList();
            Queue<String> left = new ConcurrentLinkedQueue<>(ids);
            List<Message> first = List.of(message("assistant", "Hello, how can I help?"));
            return repeat(() -> {
                String id = left.poll();
                return id == null ? null : insert(id, first);
            });
        }
        Supplier<Publisher<?>> operation = switch (what) {
            case "start" -> () -> insert(UUID.randomUUID().toString(), List.of());
            case "message" -> this::append;
            case "get" ->
                () -> documents.find(any().append("$expr", IS_SHORT)).limit(1).projection(READ);
            default -> throw new IllegalArgumentException(what);
        };
        long end = System.nanoTime() + number * 1_000_000L;
        return repeat(() -> System.nanoTime() < end ? operation.get() : null);
    }

    private Publisher<?> insert(String id, List<Message> messages) {
        Conversation conversation = new Conversation(id, SessionId.random(), CALLER);
        conversation.messages = messages;
        return conversations.insertOne(conversation);
    }

    /** Appends like {@link MessageAppender}. */
    private Publisher<?> append() {
        Message message = message("user", "How do I reset my password, please?");
        BsonDateTime now = new BsonDateTime(message.timestamp().toEpochMilli());
        BsonDocument update = new BsonDocument("$push", new BsonDocument(MESSAGES, message.toBson()))
                .append("$set", new BsonDocument(UPDATED_AT, now))
                .append(
                        "$setOnInsert",
                        new BsonDocument(SESSION_ID, new BsonString(SessionId.random())).append(CREATED_AT, now));
        BsonDocument counted = new BsonDocument(SESSION_ID, new BsonInt32(1))
                .append(OFFLOADED, new BsonInt32(1))
                .append(MESSAGES + ".none", new BsonInt32(1));
        return documents.findOneAndUpdate(
                any(),
                update,
                new FindOneAndUpdateOptions()
                        .upsert(true)
                        .returnDocument(ReturnDocument.AFTER)
                        .projection(counted));
    }

    private BsonDocument any() {
        return Conversations.owned(CALLER, ids.get(ThreadLocalRandom.current().nextInt(ids.size())));
    }

    private static Message message(String role, String content) {
        return new Message(role, content, Conversation.now());
    }

    /** Runs operations on all lanes until the supplier returns null, and counts the answers. */
    private static long repeat(Supplier<Publisher<?>> operations) throws InterruptedException {
        LongAdder answers = new LongAdder();
        CountDownLatch lanes = new CountDownLatch(LANES);
        for (int i = 0; i < LANES; i++) {
            next(operations, answers, lanes);
        }
        lanes.await();
        return answers.sum();
    }

    private static void next(Supplier<Publisher<?>> operations, LongAdder answers, CountDownLatch lanes) {
        Publisher<?> operation = operations.get();
        if (operation == null) {
            lanes.countDown();
            return;
        }
        operation.subscribe(new Subscriber<Object>() {
            @Override
            public void onSubscribe(Subscription subscription) {
                subscription.request(Long.MAX_VALUE);
            }

            @Override
            public void onNext(Object answer) {
                answers.increment();
            }

            @Override
            public void onError(Throwable failure) {
                failure.printStackTrace();
                System.exit(1);
            }

            @Override
            public void onComplete() {
                next(operations, answers, lanes);
            }
        });
    }
}
