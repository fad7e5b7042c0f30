import assert from "node:assert/strict";
import { test } from "node:test";
import { createConversationClient, ProblemError, type components } from "../src/index.js";

// ClientIT sets the address of the running service, and a token.
const baseUrl = process.env["SERVICE_URL"];
const token = process.env["SERVICE_TOKEN"];
const skip = baseUrl && token ? false : "SERVICE_URL and SERVICE_TOKEN say which service to try, and are not set";
const client = createConversationClient({ baseUrl: baseUrl ?? "", token: token ?? "" });
const { api } = client;

async function started(): Promise<string> {
  const { data } = await api.POST("/api/conversation/start", { body: {} });
  assert.ok(data);
  return data.conversationId;
}

async function append(conversationId: string, content: string): Promise<number> {
  const { data } = await api.POST("/api/conversation/{conversationId}/message", {
    params: { path: { conversationId } },
    body: { content },
  });
  assert.ok(data);
  return data.message.index;
}

test("a conversation is started, carried on, read and deleted", { skip }, async () => {
  const start = await api.POST("/api/conversation/start", {
    params: { header: { "Idempotency-Key": `start-${Date.now()}` } },
    body: { title: "Travel to Graz", metadata: { source: "client", tags: ["travel", 2026] }, messages: [{ content: "When?" }] },
  });
  assert.equal(start.response.status, 201);
  assert.ok(start.data);
  const { conversationId, sessionId, conversation } = start.data;
  assert.equal(start.response.headers.get("Location"), `${baseUrl}/api/conversation/${conversationId}`);
  assert.equal(conversation.messages[0]?.content, "When?");

  const sent = await api.POST("/api/conversation/{conversationId}/message", {
    params: { path: { conversationId } },
    body: { role: "assistant", content: "At 10:25 😀." },
  });
  assert.equal(sent.response.status, 200);
  assert.equal(sent.data?.sessionId, sessionId);
  assert.equal(sent.data?.message.index, 1);

  const read = await api.GET("/api/conversation/{conversationId}", { params: { path: { conversationId } } });
  assert.deepEqual(
    read.data?.messages.map((message) => message.content),
    ["When?", "At 10:25 😀."],
  );
  const again = await api.GET("/api/conversation/{conversationId}", {
    params: { path: { conversationId }, header: { "If-None-Match": read.response.headers.get("ETag") ?? "" } },
  });
  assert.equal(again.response.status, 304);

  const bySession = await api.GET("/api/session/{sessionId}", { params: { path: { sessionId } } });
  assert.equal(bySession.data?.conversationId, conversationId);

  const gone = await api.DELETE("/api/conversation/{conversationId}", { params: { path: { conversationId } } });
  assert.equal(gone.response.status, 204);
});

test("a refusal is a problem, with its type", { skip }, async () => {
  const { data, error, response } = await api.POST("/api/conversation/{conversationId}/message", {
    params: { path: { conversationId: "c" } },
    body: { content: " " },
  });
  assert.equal(response.status, 400);
  assert.equal(data, undefined);
  assert.equal(error?.title, "Bad Request");
  const { violations } = error as components["schemas"]["ValidationProblem"];
  assert.deepEqual(violations, [{ field: "content", in: "body", message: "must not be blank" }]);
});

test("the types reject what the service rejects", { skip }, () => {
  const neverCalled = async () => {
    await api.POST("/api/conversation/{conversationId}/message", {
      params: { path: { conversationId: "c" } },
      // @ts-expect-error unknown role
      body: { role: "root", content: "a" },
    });
    await api.POST("/api/conversation/{conversationId}/message", {
      params: { path: { conversationId: "c" } },
      // @ts-expect-error content is required
      body: { role: "user" },
    });
    // @ts-expect-error confirm is required
    await api.DELETE("/api/conversation", {});
    // @ts-expect-error unknown route
    await api.GET("/api/conversations", {});
    const { data } = await api.GET("/api/conversation", {});
    // @ts-expect-error a listed conversation has no messages
    data?.data[0]?.messages;
  };
  assert.ok(neverCalled);
});

test("pages lead from one to the next", { skip }, async () => {
  const ids = [await started(), await started(), await started()];
  const found: string[] = [];
  let after: string | undefined;
  do {
    const { data } = await api.GET("/api/conversation", { params: { query: { limit: 1, ...(after && { after }) } } });
    assert.ok(data);
    found.push(...data.data.map((conversation) => conversation.conversationId));
    after = data.nextCursor;
  } while (after);
  assert.deepEqual(found.slice(0, 3), ids.reverse());
});

test("a patch by a caller that has not seen the last change is rejected", { skip }, async () => {
  const conversationId = await started();
  const path = { conversationId };
  const read = await api.GET("/api/conversation/{conversationId}", { params: { path } });
  await append(conversationId, "meanwhile");
  const lost = await api.PATCH("/api/conversation/{conversationId}", {
    params: { path, header: { "If-Match": read.response.headers.get("ETag") ?? "" } },
    body: { title: "new" },
  });
  assert.equal(lost.response.status, 412);
  const won = await api.PATCH("/api/conversation/{conversationId}", { params: { path }, body: { title: "new" } });
  assert.equal(won.data?.title, "new");
});

test("messages are followed as they come, until the conversation is deleted", { skip }, async () => {
  const conversationId = await started();
  await append(conversationId, "before");
  const all = client.follow(conversationId, { after: -1 });
  assert.equal((await all.next()).value?.content, "before");
  await append(conversationId, "live");
  assert.equal((await all.next()).value?.content, "live");
  for (let i = 0; i < 50; i++) {
    assert.equal(await append(conversationId, `many ${i}`), i + 2);
  }
  for (let i = 0; i < 50; i++) {
    const told = (await all.next()).value;
    assert.deepEqual([told?.index, told?.content], [i + 2, `many ${i}`]);
  }
  await api.DELETE("/api/conversation/{conversationId}", { params: { path: { conversationId } } });
  assert.equal((await all.next()).done, true);
});

test("what is not the caller's is not followed", { skip }, async () => {
  await assert.rejects(client.follow("somebody-else-s").next(), (error) => {
    assert.ok(error instanceof ProblemError);
    assert.equal(error.status, 404);
    assert.equal(error.problem?.title, "Not Found");
    return true;
  });
  const stranger = createConversationClient({ baseUrl: baseUrl ?? "", token: "no token" });
  await assert.rejects(stranger.follow(await started()).next(), { status: 401 });
});
