package consulting.lmx.conversation.conversation;

/** The collection's name and the names of the stored fields, as the old application wrote them. */
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

    /** How many of the oldest messages were moved out of the document into {@link #BLOCKS}; missing where none was. */
    public static final String MOVED = "movedMessages";

    /** The collection of the moved messages. */
    public static final String BLOCKS = "conversation_blocks";

    /** Inside a block's {@code _id}: the {@code _id} of the conversation, and the index of the block's first message. */
    public static final String BLOCK_CONVERSATION = "conversation";

    public static final String BLOCK_FIRST = "first";

    /** Of a block: the keys of those of its messages that came under one. */
    public static final String BLOCK_KEYS = "retryKeys";

    /** What the heal did to a {@code sessionId}: {@code {reason, was, at, run}}. */
    public static final String SESSION_ID_REPAIR = "sessionIdRepair";

    /** What the heal did to a {@code conversationId}: {@code {reason, was, at, run}}. */
    public static final String CONVERSATION_ID_REPAIR = "conversationIdRepair";

    /** What a start under an {@code Idempotency-Key} was asked with: a digest of its body. */
    public static final String START_REQUEST = "startRequest";

    /** Inside a message: the {@code Idempotency-Key} that it came under, where it came under one. */
    public static final String RETRY_KEY = "retryKey";

    /** Inside a message. */
    public static final String ROLE = "role";

    public static final String CONTENT = "content";
    public static final String TIMESTAMP = "timestamp";

    private ConversationFields() {}
}
