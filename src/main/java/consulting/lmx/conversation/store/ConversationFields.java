package consulting.lmx.conversation.store;

/** The names of the collections and of the stored fields. The old application wrote those without a comment. */
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

    /** How many of the oldest messages are offloaded to {@link #BLOCKS}; missing if none is. */
    public static final String OFFLOADED = "movedMessages";

    /**
     * Which blocks belong to the conversation: a list of {@code {first, generation}}, ascending. From message {@code first} on,
     * the blocks have this {@code generation} in their {@code _id}; before the first entry they have none. Missing unless
     * blocks of another incarnation of the conversation (an older backup) stood in the way.
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

    /** What the heal did to a {@code sessionId}: {@code {reason, was, at, run}}. */
    public static final String SESSION_ID_REPAIR = "sessionIdRepair";

    /** What the heal did to a {@code conversationId}: {@code {reason, was, at, run}}. */
    public static final String CONVERSATION_ID_REPAIR = "conversationIdRepair";

    /** A digest of the request that started the conversation with an {@code Idempotency-Key}. */
    public static final String START_REQUEST = "startRequest";

    /** In a message: the {@code Idempotency-Key} that it was sent with. */
    public static final String IDEMPOTENCY_KEY = "retryKey";

    /** In a message. */
    public static final String ROLE = "role";

    /** In a message. */
    public static final String CONTENT = "content";

    /** In a message. */
    public static final String TIMESTAMP = "timestamp";

    private ConversationFields() {}
}
