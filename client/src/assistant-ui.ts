import {
  ExportedMessageRepository,
  useAui,
  type RemoteThreadListAdapter,
  type ThreadHistoryAdapter,
  type ThreadMessage,
  type ThreadMessageLike,
} from "@assistant-ui/react";
import { createAssistantStream } from "assistant-stream";
import { useState } from "react";
import type { components, ConversationClient, Message } from "./index.js";
import { allMessages, dataOf } from "./pages.js";

/** The most characters of a generated title. */
const TITLE = 60;

/**
 * Creates the adapter of `useRemoteThreadListRuntime`: the thread list, and the history of each thread. The history is linear:
 * regenerating or editing a message removes those after it, and branches are not kept.
 */
export function createThreadListAdapter(client: ConversationClient): RemoteThreadListAdapter {
  const { api } = client;
  const patch = async (conversationId: string, body: components["schemas"]["ConversationPatch"]) => {
    const path = "/api/conversation/{conversationId}";
    dataOf(await api.PATCH(path, { params: { path: { conversationId } }, body }));
  };
  const adapter: RemoteThreadListAdapter = {
    async list(page) {
      const query = { limit: 100, ...(page?.after !== undefined && { after: page.after }) };
      const { data, nextCursor } = dataOf(await api.GET("/api/conversation", { params: { query } }));
      return { threads: data.map(thread), nextCursor };
    },
    async fetch(conversationId) {
      const params = { path: { conversationId } };
      return thread(dataOf(await api.GET("/api/conversation/{conversationId}", { params })));
    },
    async initialize(threadId) {
      const params = { header: { "Idempotency-Key": threadId } };
      return { remoteId: dataOf(await api.POST("/api/conversation/start", { params, body: {} })).conversationId };
    },
    rename: (conversationId, title) => patch(conversationId, { title }),
    archive: (conversationId) => patch(conversationId, { archived: true }),
    unarchive: (conversationId) => patch(conversationId, { archived: false }),
    async delete(conversationId) {
      const answer = await api.DELETE("/api/conversation/{conversationId}", { params: { path: { conversationId } } });
      if (!answer.response.ok && answer.response.status !== 404) {
        dataOf(answer);
      }
    },
    async generateTitle(conversationId, messages) {
      const title = messages.map(text).find((content) => content.trim() !== "")?.slice(0, TITLE) ?? "New conversation";
      await adapter.rename(conversationId, title);
      return createAssistantStream((stream) => stream.appendText(title));
    },
    unstable_useAdapters() {
      const aui = useAui();
      const [history] = useState(() =>
        createHistory(
          client,
          () => aui.threadListItem().getState().remoteId,
          async () => (await aui.threadListItem().initialize()).remoteId,
        ),
      );
      return history;
    },
  };
  return adapter;
}

function thread({ conversationId, title, archived, updatedAt }: components["schemas"]["ConversationSummary"]) {
  const status = archived ? ("archived" as const) : ("regular" as const);
  return { remoteId: conversationId, status, title, ...(updatedAt && { lastMessageAt: new Date(updatedAt) }) };
}

/** The history of one thread. Writes wait for each other, so that they keep their order. */
function createHistory(
  client: ConversationClient,
  current: () => string | undefined,
  initialize: () => Promise<string>,
): { history: ThreadHistoryAdapter } {
  let known: string[] = []; // the ids of the stored messages
  let last: Promise<unknown> = Promise.resolve();
  const store = async (parentId: string | null, message: ThreadMessage) => {
    const path = { conversationId: await initialize() };
    const keep = parentId === null ? 0 : known.lastIndexOf(parentId) + 1;
    if (keep < known.length) {
      const truncation = { params: { path, query: { from: keep } } };
      dataOf(await client.api.DELETE("/api/conversation/{conversationId}/messages", truncation));
      known = known.slice(0, keep);
    }
    const params = { path, header: { "Idempotency-Key": message.id } };
    dataOf(await client.api.POST("/api/conversation/{conversationId}/message", { params, body: toNewMessage(message) }));
    known.push(message.id);
  };
  return {
    history: {
      async load() {
        const conversationId = current();
        const messages = conversationId === undefined ? [] : await allMessages(client, conversationId);
        const repository = ExportedMessageRepository.fromArray(messages.map(toThreadMessage));
        known = repository.messages.map(({ message }) => message.id);
        return repository;
      },
      append({ parentId, message }) {
        const stored = last.then(() => store(parentId, message));
        last = stored.catch(() => undefined); // its caller gets the failure
        return stored;
      },
    },
  };
}

function text(message: ThreadMessage): string {
  return message.content.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n");
}

function toNewMessage(message: ThreadMessage): components["schemas"]["NewMessage"] {
  const { id, role, content, createdAt: _, ...rest } = message;
  const plain = text(message);
  const isText = content.length === 1 && plain.trim() !== "";
  return {
    role,
    // The service requires text.
    content: plain.trim() === "" ? `(${content.map((part) => part.type).join(", ") || "empty"})` : plain,
    metadata: JSON.parse(JSON.stringify({ id, ...(!isText && { content }), rest })) as Record<string, unknown>,
  };
}

function toThreadMessage(message: Message): ThreadMessageLike {
  const { id, content, rest } = (message.metadata ?? {}) as Partial<ThreadMessageLike> & { rest?: Partial<ThreadMessageLike> };
  return {
    ...rest,
    id: id ?? message.id ?? String(message.index),
    role: message.role === "user" || message.role === "system" ? message.role : "assistant",
    content: content ?? [{ type: "text", text: message.content ?? "" }],
    ...(message.timestamp && { createdAt: new Date(message.timestamp) }),
  };
}
