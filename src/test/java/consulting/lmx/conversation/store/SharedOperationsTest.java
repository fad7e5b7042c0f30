package consulting.lmx.conversation.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.client.model.Filters;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.problem.ErrorCode;
import consulting.lmx.conversation.problem.ServiceException;
import consulting.lmx.conversation.store.MessageAppender.Append;
import consulting.lmx.conversation.testsupport.TestServer;
import io.quarkus.mongodb.reactive.ReactiveMongoClient;
import io.quarkus.mongodb.reactive.ReactiveMongoCollection;
import io.quarkus.test.junit.QuarkusTest;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import jakarta.inject.Inject;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.bson.BsonArray;
import org.bson.BsonDocument;
import org.bson.BsonInt32;
import org.bson.BsonNull;
import org.bson.BsonString;
import org.bson.BsonValue;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.junit.jupiter.api.Test;

/** Calls that share an operation of the database: each gets what it would have got alone. */
@QuarkusTest
class SharedOperationsTest {

    @Inject
    Conversations conversations;

    @Inject
    MessageAppender appender;

    @Inject
    ReactiveMongoClient client;

    @ConfigProperty(name = "quarkus.mongodb.database")
    String database;

    private final String user = "user-" + UUID.randomUUID();

    private static <T> T await(Uni<T> result) {
        return result.await().indefinitely();
    }

    private static String newId() {
        return UUID.randomUUID().toString();
    }

    private ReactiveMongoCollection<BsonDocument> raw() {
        return client.getDatabase(database).getCollection(ConversationFields.COLLECTION, BsonDocument.class);
    }

    private BsonDocument stored(String id) {
        return await(
                raw().find(Filters.eq(ConversationFields.CONVERSATION_ID, id)).toUni());
    }

    private BsonDocument owned(String id) {
        return Conversations.owned(user, id);
    }

    /** Stores a conversation with these messages as another program left it, and returns its id. */
    private String legacy(String owner, BsonValue messages) {
        String id = newId();
        await(raw().insertOne(Conversations.owned(owner, id)
                .append("sessionId", new BsonString("s-" + id))
                .append("messages", messages)));
        return id;
    }

    private static BsonArray messages(int count) {
        return new BsonArray(IntStream.range(0, count)
                .mapToObj(i -> new Message("user", "m" + i, Conversation.now(), null).toBson())
                .toList());
    }

    private Append append(String id, String text) {
        return new Append(owned(id), List.of(new Message("user", text, Conversation.now(), null)));
    }

    private Conversation conversation(String id, String sessionId) {
        return new Conversation(id, sessionId, user);
    }

    @Test
    void insertsHaveTheirOwnOutcomes() {
        String taken = legacy("other", messages(1));
        Conversation first = conversation(newId(), SessionId.random());
        Conversation last = conversation(newId(), null);
        var outcomes = await(conversations.insertAll(
                List.of(first, conversation(taken, SessionId.random()), conversation(newId(), "s-" + taken), last)));

        assertThat(await(outcomes.get(0))).isSameAs(first);
        assertThat(await(outcomes.get(3))).isSameAs(last);
        assertThat(outcomes.subList(1, 3))
                .allSatisfy(outcome -> assertThatThrownBy(() -> await(outcome)).matches(DriverFailure::isDuplicateKey));
        assertThat(stored(taken).getString("userId").getValue()).isEqualTo("other");
        assertThat(stored(first.conversationId).get("sessionId")).isEqualTo(new BsonString(first.sessionId));
        assertThat(stored(last.conversationId).getString("sessionId").getValue())
                .isEqualTo(last.sessionId);
        assertThat(stored(last.conversationId).get("updatedAt"))
                .isEqualTo(stored(last.conversationId).get("createdAt"));
    }

    @Test
    void recordThatCannotBeEncodedFailsAlone() {
        Conversation good = conversation(newId(), SessionId.random());
        Conversation bad = new Conversation(newId(), SessionId.random(), " ");
        var outcomes = await(conversations.insertAll(List.of(bad, good)));
        assertThatThrownBy(() -> await(outcomes.get(0))).isInstanceOf(InvalidRecordException.class);
        await(outcomes.get(1));
        assertThat(stored(good.conversationId)).isNotNull();
        assertThat(stored(bad.conversationId)).isNull();
    }

    @Test
    void appendsAreLocatedWhateverTheListHolds() {
        TestServer.assumeGenuine("the embedded server fails if a message is not a document");
        String one = legacy(user, messages(3));
        BsonArray mixed = messages(2);
        mixed.add(new BsonInt32(7));
        mixed.add(BsonNull.VALUE);
        String strange = legacy(user, mixed);
        String created = newId();
        List<Append> all = List.of(
                append(one, "a"), append(created, "b"), append(strange, "c"), append(one, "d"), append(created, "e"));
        List<AppendResult> results = await(Multi.createFrom()
                .iterable(await(appender.appendAll(all)))
                .onItem()
                .transformToUniAndConcatenate(outcome -> outcome)
                .collect()
                .asList());

        assertThat(results).extracting(AppendResult::first).containsExactly(3, 0, 4, 4, 1);
        assertThat(results).extracting(AppendResult::created).containsExactly(false, true, false, false, false);
        for (int i = 0; i < all.size(); i++) {
            BsonDocument conversation =
                    stored(all.get(i).target().getString("conversationId").getValue());
            assertThat(conversation.getString("sessionId").getValue())
                    .isEqualTo(results.get(i).sessionId());
            BsonDocument message = conversation
                    .getArray("messages")
                    .get(results.get(i).first())
                    .asDocument();
            assertThat(message.get("content"))
                    .isEqualTo(new BsonString(all.get(i).last().content()));
        }
        assertThat(stored(created).getString("userId").getValue()).isEqualTo(user);
        assertThat(stored(strange).getArray("messages")).startsWith(mixed.toArray(new BsonValue[0]));
    }

    @Test
    void rejectedAppendsHaveTheOutcomeOfASingleOne() {
        String theirs = legacy("other", messages(1));
        String text = legacy(user, new BsonString("no list"));
        String nothing = legacy(user, BsonNull.VALUE);
        String good = legacy(user, messages(1));
        var outcomes = await(appender.appendAll(
                List.of(append(theirs, "a"), append(text, "b"), append(nothing, "c"), append(good, "d"))));

        assertThat(await(outcomes.get(0))).as("requireOwner says why").isNull();
        assertThatThrownBy(() -> await(outcomes.get(1)))
                .isInstanceOfSatisfying(
                        ServiceException.class,
                        failure -> assertThat(failure.code()).isEqualTo(ErrorCode.CONFLICT));
        assertThat(await(outcomes.get(2)).first()).isZero();
        assertThat(await(outcomes.get(3)).first()).isOne();
        assertThat(stored(theirs).getArray("messages")).hasSize(1);
        assertThat(stored(text).get("messages")).isEqualTo(new BsonString("no list"));
    }

    @Test
    void appendIsLocatedBehindManyOfOthers() {
        String id = legacy(user, messages(5));
        Append append = append(id, "mine");
        await(await(appender.appendAll(List.of(append))).get(0));
        await(raw().updateOne(
                        owned(id),
                        new BsonDocument(
                                "$push", new BsonDocument("messages", new BsonDocument("$each", messages(50))))));
        BsonDocument after =
                await(conversations.afterAppends(List.of(owned(id)), 3)).get(0);
        assertThat(after.getArray(MessageQuery.NEWEST_IDS)).hasSize(3);
        assertThat(await(appender.locate(append, after)).first()).isEqualTo(5);
    }

    @Test
    void racingAppendsHaveDistinctIndexesWithoutGaps() {
        List<String> ids = IntStream.range(0, 4).mapToObj(i -> newId()).toList();
        List<AppendResult> results = await(Multi.createFrom()
                .range(0, 512)
                .onItem()
                .transformToUni(i -> appender.append(
                        user, ids.get(i % 4), List.of(new Message("user", "m" + i, Conversation.now(), null))))
                .merge(512)
                .collect()
                .asList());
        assertThat(results.stream()
                        .collect(Collectors.groupingBy(
                                AppendResult::sessionId, Collectors.mapping(AppendResult::first, Collectors.toList())))
                        .values())
                .hasSize(4)
                .allSatisfy(indexes -> assertThat(indexes)
                        .containsExactlyInAnyOrderElementsOf(
                                IntStream.range(0, 128).boxed().toList()));
        assertThat(results).filteredOn(AppendResult::created).hasSize(4);
    }

    @Test
    void appendToAConversationThatIsGoneHasAnUnknownOutcome() {
        Append append = append(newId(), "lost");
        assertThat(await(conversations.afterAppends(List.of(append.target()), 3)))
                .containsExactly((BsonDocument) null);
        assertThatThrownBy(() -> await(appender.locate(append, null)))
                .isInstanceOfSatisfying(
                        ServiceException.class,
                        failure -> assertThat(failure.code()).isEqualTo(ErrorCode.DATABASE_UNAVAILABLE));
    }

    @Test
    void readsGoToTheirOwners() {
        String mine = legacy(user, messages(1));
        String theirs = legacy("other", messages(2));
        String empty = legacy(user, new BsonArray());
        List<Uni<BsonDocument>> outcomes = await(conversations.findAllShort(List.of(
                owned(mine),
                owned(theirs),
                owned(newId()),
                Conversations.owned("other", theirs),
                owned(empty),
                owned(mine))));
        List<BsonDocument> found = new ArrayList<>();
        outcomes.forEach(outcome -> found.add(await(outcome)));
        assertThat(found.get(0).getArray("messages")).hasSize(1);
        assertThat(found.get(1)).isNull();
        assertThat(found.get(2)).isNull();
        assertThat(found.get(3).getArray("messages")).hasSize(2);
        assertThat(found.get(4).getArray("messages")).isEmpty();
        assertThat(found.get(5)).isEqualTo(found.get(0));
    }

    /** The query fails as a whole if the content of one message is not a string. */
    @Test
    void readThatTheDatabaseRejectsFailsAlone() {
        String strange = legacy(
                user,
                new BsonArray(
                        List.of(new BsonDocument("role", new BsonString("user")).append("content", new BsonInt32(7)))));
        String good = legacy(user, messages(1));
        var outcomes = await(conversations.findAllShort(List.of(owned(strange), owned(good))));
        assertThat(await(outcomes.get(1)).getArray("messages")).hasSize(1);
        assertThat(await(conversations.read(owned(strange), StoredConversation.FIELDS, MessageWindow.newest(5)))
                        .conversation()
                        .messageCount())
                .isOne();
    }
}
