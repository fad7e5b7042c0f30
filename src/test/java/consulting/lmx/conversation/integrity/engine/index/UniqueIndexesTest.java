package consulting.lmx.conversation.integrity.engine.index;

import static consulting.lmx.conversation.integrity.engine.TestCollection.SESSION_ID;
import static consulting.lmx.conversation.integrity.engine.TestCollection.await;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.mongodb.MongoException;
import com.mongodb.client.model.Collation;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.IndexOptions;
import com.mongodb.client.model.Indexes;
import consulting.lmx.conversation.integrity.engine.IntegrityReport;
import consulting.lmx.conversation.integrity.engine.TestCollection;
import consulting.lmx.conversation.integrity.engine.model.IndexView;
import consulting.lmx.conversation.mongo.DriverFailure;
import consulting.lmx.conversation.mongo.Publishers;
import consulting.lmx.conversation.testsupport.TestServer;
import java.util.function.Supplier;
import org.bson.BsonDocument;
import org.bson.conversions.Bson;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class UniqueIndexesTest {

    private static final Bson ASCENDING = Indexes.ascending("sessionId");

    /** Every kind of index on the key that does not enforce the invariant. */
    enum Shape {
        NON_UNIQUE(ASCENDING, IndexOptions::new),
        SPARSE(ASCENDING, () -> new IndexOptions().sparse(true)),
        UNIQUE_SPARSE(ASCENDING, () -> new IndexOptions().unique(true).sparse(true)),
        UNIQUE_PARTIAL(
                ASCENDING,
                () -> new IndexOptions().unique(true).partialFilterExpression(Filters.type("sessionId", "string"))),
        UNIQUE_OF_ANOTHER_COLLATION(
                ASCENDING,
                () -> new IndexOptions()
                        .unique(true)
                        .collation(Collation.builder().locale("en").build())),
        DESCENDING(Indexes.descending("sessionId"), IndexOptions::new),
        UNIQUE_DESCENDING(Indexes.descending("sessionId"), () -> new IndexOptions().unique(true)),
        OF_ANOTHER_NAME(ASCENDING, () -> new IndexOptions().name("whatever"));

        private final Bson key;
        private final Supplier<IndexOptions> options;

        Shape(Bson key, Supplier<IndexOptions> options) {
            this.key = key;
            this.options = options;
        }
    }

    private final TestCollection conversations = new TestCollection();

    @AfterEach
    void drop() {
        conversations.close();
    }

    @ParameterizedTest
    @EnumSource
    void anyIndexBecomesTheDeclaredOne(Shape shape) {
        if (shape != Shape.NON_UNIQUE && shape != Shape.UNIQUE_SPARSE) {
            TestServer.assumeGenuine("indexes of the shape " + shape);
        }
        conversations.with("{_id: 1, conversationId: 'a', sessionId: 's'}", "{_id: 2, conversationId: 'b'}");
        conversations.withIndex(shape.key, shape.options.get());

        IntegrityReport report = conversations.heal();

        assertThat(report.healed()).isEqualTo(1);
        assertThat(conversations.indexes(SESSION_ID))
                .filteredOn(index -> index.isDeclared("sessionId"))
                .hasSize(1);
        assertThatThrownBy(() -> conversations.with("{conversationId: 'c', sessionId: 's'}"))
                .matches(DriverFailure::isDuplicateKey);
        conversations.with("{conversationId: 'd', sessionId: 'S'}");
    }

    @Test
    void onlyTheDeclaredIndexOfAKeyRemains() {
        TestServer.assumeGenuine("indexes that are not unique");
        conversations.withIndex(ASCENDING, new IndexOptions().sparse(true));
        conversations.withIndex(Indexes.descending("sessionId"), new IndexOptions());
        conversations.heal();
        assertThat(conversations.indexes(SESSION_ID)).singleElement().matches(index -> index.isDeclared("sessionId"));
    }

    @Test
    void hiddenIndexIsReplaced() {
        TestServer.assumeVersion(4, 4, "hidden indexes");
        conversations.withIndex(ASCENDING, new IndexOptions().unique(true).hidden(true));
        conversations.heal();
        assertThat(conversations.indexes(SESSION_ID)).singleElement().matches(index -> index.isDeclared("sessionId"));
    }

    @Test
    void compoundIndexStays() {
        TestServer.assumeGenuine("indexes that are not unique");
        conversations.withIndex(Indexes.ascending("sessionId", "userId"), new IndexOptions().name("compound"));
        conversations.heal();
        assertThat(Publishers.list(conversations.collection.listIndexes(BsonDocument.class))
                        .await()
                        .indefinitely())
                .anyMatch(index -> index.getString("name").getValue().equals("compound"));
    }

    @Test
    void declaredIndexOfAnotherNameStays() {
        conversations.withIndex(ASCENDING, new IndexOptions().unique(true).name("bySession"));
        conversations.heal();
        assertThat(conversations.indexes(SESSION_ID))
                .extracting(IndexView::name)
                .containsExactly("bySession");
    }

    @Test
    void duplicatesThatPreventTheIndexAreRepaired() {
        conversations.with(
                "{_id: 1, conversationId: 'a', sessionId: 's', createdAt: {$date: 1}}",
                "{_id: 2, conversationId: 'b', sessionId: 's', createdAt: {$date: 2}}",
                "{_id: 3, conversationId: 'c', sessionId: 's', createdAt: {$date: 3}}");
        IntegrityReport report = conversations.heal();
        assertThat(report.broken()).containsEntry("duplicate", 2L);
        assertThat(conversations.one(1)).doesNotContainKey("sessionIdRepair");
    }

    @Test
    void indexIgnoresTheDefaultCollationOfTheCollection() {
        TestServer.assumeGenuine("collations");
        await(conversations.database.createCollection(
                "conversations",
                new com.mongodb.client.model.CreateCollectionOptions()
                        .collation(Collation.builder()
                                .locale("en")
                                .collationStrength(com.mongodb.client.model.CollationStrength.PRIMARY)
                                .build())));
        conversations.with("{conversationId: 'a', sessionId: 's'}", "{conversationId: 'b', sessionId: 'S'}");
        IntegrityReport report = conversations.heal();
        assertThat(report.healed()).isZero();
        assertThatThrownBy(() -> conversations.with("{conversationId: 'c', sessionId: 's'}"))
                .isInstanceOf(MongoException.class)
                .matches(DriverFailure::isDuplicateKey);
    }
}
