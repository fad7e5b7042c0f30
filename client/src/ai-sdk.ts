import type { UIMessage } from "ai";
import type { components, ConversationClient, Message } from "./index.js";
import { allMessages, dataOf } from "./pages.js";

type NewMessage = components["schemas"]["NewMessage"];

/** The most messages of one append. */
const BATCH = 20;

/** Stores the messages of `useChat` (Vercel AI SDK). */
export interface ChatStore {
  /** The stored messages, oldest first; none if there is no such conversation. */
  load<M extends UIMessage>(conversationId: string): Promise<M[]>;
  /**
   * Makes the stored messages equal to these: it removes what was regenerated or edited, and appends what is new. It throws a
   * `ProblemError` with the code `precondition-failed` if another client changed the conversation meanwhile. Then load again.
   */
  save(conversationId: string, messages: UIMessage[]): Promise<void>;
}

/** Creates a store. The parts of a message that are more than its text are kept in its metadata. */
export function createChatStore(client: ConversationClient): ChatStore {
  const { api } = client;
  return {
    async load<M extends UIMessage>(conversationId: string): Promise<M[]> {
      return (await allMessages(client, conversationId)).map((message) => toUIMessage(message) as M);
    },

    async save(conversationId, messages) {
      const path = { conversationId };
      const read = await api.GET("/api/conversation/{conversationId}", { params: { path } });
      const stored = read.response.status === 404 ? { messages: [], messageCount: 0 } : dataOf(read);
      const first = stored.messages[0]?.index ?? 0; // what is older than the newest page is not compared
      const changed = stored.messages.findIndex((message, i) => !isEqual(messages[first + i], toUIMessage(message)));
      const keep = Math.min(changed < 0 ? stored.messageCount : first + changed, messages.length);
      if (keep < stored.messageCount) {
        dataOf(
          await api.DELETE("/api/conversation/{conversationId}/messages", {
            params: { path, query: { from: keep }, header: { "If-Match": read.response.headers.get("ETag") ?? "" } },
          }),
        );
      }
      for (let next = keep; next < messages.length; next += BATCH) {
        const batch = messages.slice(next, next + BATCH);
        dataOf(
          await api.POST("/api/conversation/{conversationId}/messages", {
            params: { path, header: { "Idempotency-Key": `${next}-${batch.at(-1)?.id}` } },
            body: { messages: batch.map(toNewMessage) },
          }),
        );
      }
    },
  };
}

function toNewMessage({ id, role, parts, metadata }: UIMessage): NewMessage {
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const isText = texts.length === 1 && parts.length === 1;
  const content = texts.join("\n");
  return {
    role,
    // The service requires text.
    content: content.trim() === "" ? `(${parts.map((part) => part.type).join(", ")})` : content,
    metadata: {
      id,
      ...(!(isText && content.trim() !== "") && { parts }),
      ...(metadata !== undefined && { metadata }),
    },
  };
}

function toUIMessage(message: Message): UIMessage {
  const { id, parts, metadata } = (message.metadata ?? {}) as Partial<UIMessage>;
  const role = message.role === "user" || message.role === "system" ? message.role : "assistant";
  return {
    id: id ?? message.id ?? String(message.index),
    role,
    parts: parts ?? [{ type: "text", text: message.content ?? "" }],
    ...(metadata !== undefined && { metadata }),
  };
}

function isEqual(one: UIMessage | undefined, other: UIMessage): boolean {
  return one !== undefined && JSON.stringify(toNewMessage(one)) === JSON.stringify(toNewMessage(other));
}
