import assert from "node:assert/strict";
import { test } from "node:test";
import { Chat } from "@ai-sdk/react";
import { safeValidateUIMessages, type UIMessage, type UIMessageChunk } from "ai";
import { convertArrayToReadableStream } from "ai/test";
import { createChatStore } from "../src/ai-sdk.js";
import { createConversationClient, ProblemError } from "../src/index.js";

// ClientIT sets the address of the running service, and a token.
const baseUrl = process.env["SERVICE_URL"];
const token = process.env["SERVICE_TOKEN"];
const skip = baseUrl && token ? false : "SERVICE_URL and SERVICE_TOKEN say which service to try, and are not set";
const client = createConversationClient({ baseUrl: baseUrl ?? "", token: token ?? "" });
const store = createChatStore(client);

function answer(...chunks: UIMessageChunk[]): UIMessageChunk[] {
  return [{ type: "start" }, ...chunks, { type: "finish" }];
}

function text(id: string, delta: string): UIMessageChunk[] {
  return [
    { type: "text-start", id },
    { type: "text-delta", id, delta },
    { type: "text-end", id },
  ];
}

/** A chat as `useChat` makes it, with a model that gives these answers, and with what was saved after each. */
async function open(id: string, ...answers: UIMessageChunk[][]) {
  const saved: Promise<void>[] = [];
  const chat = new Chat<UIMessage>({
    id,
    messages: await store.load(id),
    transport: {
      sendMessages: async () => convertArrayToReadableStream(answers.shift() ?? []),
      reconnectToStream: async () => null,
    },
    onFinish: ({ messages }) => saved.push(store.save(id, messages)),
  });
  return { chat, settled: () => Promise.all(saved) };
}

const newId = () => `ai-${crypto.randomUUID()}`;
const texts = (messages: UIMessage[]) =>
  messages.map((message) => message.parts.map((part) => (part.type === "text" ? part.text : part.type)).join("|"));

test("a chat is stored, regenerated and loaded in a second browser", { skip }, async () => {
  const id = newId();
  const { chat, settled } = await open(
    id,
    answer(...text("1", "At 9:14.")),
    answer(...text("1", "At 10:25.")),
    answer(...text("1", "You are welcome.")),
  );
  await chat.sendMessage({ text: "When does the train leave?" });
  await settled();
  assert.deepEqual(texts(await store.load(id)), ["When does the train leave?", "At 9:14."]);

  await chat.regenerate();
  await settled();
  assert.deepEqual(texts(await store.load(id)), ["When does the train leave?", "At 10:25."]);

  await chat.sendMessage({ text: "Thanks" });
  await settled();
  const second = await open(id, answer(...text("1", "Yes.")));
  assert.deepEqual(
    second.chat.messages.map((message) => message.id),
    chat.messages.map((message) => message.id),
  );
  await second.chat.sendMessage({ text: "Return?" });
  await second.settled();
  const loaded = await store.load(id);
  assert.deepEqual(texts(loaded), ["When does the train leave?", "At 10:25.", "Thanks", "You are welcome.", "Return?", "Yes."]);
  assert.ok((await safeValidateUIMessages({ messages: loaded })).success);

  const { data } = await client.api.GET("/api/conversation/{conversationId}/messages", {
    params: { path: { conversationId: id } },
  });
  assert.deepEqual(
    data?.data.map((message) => [message.role, message.content]),
    loaded.map((message, i) => [message.role, texts(loaded)[i]]),
  );
});

test("tool calls, files and metadata of a message are kept", { skip }, async () => {
  const id = newId();
  const { chat, settled } = await open(
    id,
    answer(
      { type: "message-metadata", messageMetadata: { model: "m-1", usage: { total: 12.5 } } },
      { type: "tool-input-available", toolCallId: "c1", toolName: "trains", input: { to: "Graz", via: [{ stop: "Linz" }] }, dynamic: true },
      { type: "tool-output-available", toolCallId: "c1", output: { rows: [[1, null, true]] }, dynamic: true },
      ...text("1", "At 9:14."),
    ),
    answer({ type: "tool-input-available", toolCallId: "c2", toolName: "book", input: {}, dynamic: true }),
  );
  await chat.sendMessage({ text: "See this", files: [{ type: "file", mediaType: "image/png", url: "https://files.example/1.png" }] });
  await settled();
  await chat.sendMessage({ text: "Book it" });
  await settled();
  const loaded = await store.load(id);
  assert.deepEqual(JSON.parse(JSON.stringify(loaded)), JSON.parse(JSON.stringify(chat.messages.map(withoutState))));
  assert.ok((await safeValidateUIMessages({ messages: loaded })).success);
});

/** A part that is the only text of its message is loaded without the state of its stream. */
function withoutState(message: UIMessage): UIMessage {
  const [part] = message.parts;
  return message.parts.length === 1 && part?.type === "text" ? { ...message, parts: [{ type: "text", text: part.text }] } : message;
}

test("long chats are stored in batches, and only what changed is sent", { skip }, async () => {
  const id = newId();
  const all = Array.from({ length: 130 }, (_, i): UIMessage => ({
    id: `m${i}`,
    role: i % 2 === 0 ? "user" : "assistant",
    parts: [{ type: "text", text: `text ${i}` }],
  }));
  await store.save(id, all);
  assert.deepEqual(await store.load(id), all);
  await store.save(id, all);
  const edited = [...all.slice(0, 120), { ...all[120]!, parts: [{ type: "text" as const, text: "edited" }] }];
  await store.save(id, edited);
  assert.deepEqual(await store.load(id), edited);
  await store.save(id, edited.slice(0, 119));
  assert.equal((await store.load(id)).length, 119);
});

test("a chat that another client changed meanwhile is not overwritten", { skip }, async () => {
  const id = newId();
  const one = (text: string): UIMessage => ({ id: text, role: "user", parts: [{ type: "text", text }] });
  await store.save(id, [one("a"), one("b")]);
  const slow = createConversationClient({
    baseUrl: baseUrl ?? "",
    token: token ?? "",
    async fetch(request) {
      if (request.method === "DELETE") {
        await store.save(id, [one("a"), one("b"), one("theirs")]);
      }
      return fetch(request);
    },
  });
  await assert.rejects(
    createChatStore(slow).save(id, [one("a"), one("c")]),
    (failure) => failure instanceof ProblemError && failure.problem?.code === "precondition-failed",
  );
  assert.deepEqual(texts(await store.load(id)), ["a", "b", "theirs"]);
});

test("a chat that nobody has stored is empty", { skip }, async () => {
  assert.deepEqual(await store.load(newId()), []);
});
