package consulting.lmx.conversation.store;

/** The names of collections and stored fields. The old application knows the fields without a comment. */
public final class ConversationFields {

    public static final String COLLECTION = "conversations";

    public static final String ID = "_id";
    public static final String CONVERSATION_ID = "conversationId";
    public static final String SESSION_ID = "sessionId";
    public static final String USER_ID = "userId";
    public static final String MESSAGES = "messages";
    public static final String CREATED_AT = "createdAt";
    public static final String UPDATED_AT = "updatedAt";
    public static final String TITLE = "title";
    public static final String METADATA = "metadata";

    /** {@code true} if the owner archived the conversation. A missing field and any other value mean false. */
    public static final String ARCHIVED = "archived";

    /** How many of the oldest messages are offloaded to {@link #BLOCKS}; missing if there are none. */
    public static final String OFFLOADED = "movedMessages";

    /**
     * A list of {@code {first, generation}}, ascending: from message {@code first} on, the blocks of this conversation have this
     * {@code generation} in their {@code _id}; before the first entry they have none. The field is missing unless a restored
     * backup left other blocks under the same ids.
     */
    public static final String GENERATIONS = "blockGenerations";

    /** The collection of the offloaded messages. */
    public static final String BLOCKS = "conversation_blocks";

    /** In the {@code _id} of a block: the {@code _id} of its conversation. */
    public static final String BLOCK_CONVERSATION = "conversation";

    /** In the {@code _id} of a block and in an entry of {@link #GENERATIONS}: the index of the first message. */
    public static final String FIRST = "first";

    /** In the {@code _id} of a block and in an entry of {@link #GENERATIONS}. */
    public static final String GENERATION = "generation";

    /** In a block: the idempotency keys of its messages. */
    public static final String BLOCK_KEYS = "retryKeys";

    /** The heal's record of a repaired {@code sessionId}: {@code {reason, was, at, run}}. */
    public static final String SESSION_ID_REPAIR = "sessionIdRepair";

    /** The heal's record of a repaired {@code conversationId}: {@code {reason, was, at, run}}. */
    public static final String CONVERSATION_ID_REPAIR = "conversationIdRepair";

    /** The digest of the start request if it had an {@code Idempotency-Key}. */
    public static final String START_REQUEST = "startRequest";

    /** In a message: the {@code Idempotency-Key} that it was sent with. */
    public static final String IDEMPOTENCY_KEY = "retryKey";

    /** In a message: the digest of the request that its {@link #IDEMPOTENCY_KEY} was sent with; missing if role and content are all. */
    public static final String REQUEST_DIGEST = "retryRequest";

    /** In a message. */
    public static final String ROLE = "role";

    /** In a message. */
    public static final String CONTENT = "content";

    /** In a message. */
    public static final String TIMESTAMP = "timestamp";

    /** In a message, beside its {@link #METADATA}: the larger of its sizes as BSON and as JSON, in bytes. */
    public static final String METADATA_BYTES = "metadataBytes";

    /** How many times messages were truncated or changed; missing if never. */
    public static final String REVISION = "messagesRevision";

    /** The last truncations, oldest first: a list of {@code {messagesRevision, from}}. */
    public static final String TRUNCATIONS = "truncations";

    /** In an entry of {@link #TRUNCATIONS}: the index of the first removed message. */
    public static final String FROM = "from";

    private ConversationFields() {}
}
