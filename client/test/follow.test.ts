import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test, type TestContext } from "node:test";
import { createConversationClient, ProblemError, type Message } from "../src/index.js";

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Call {
  url: string;
  lastEventId: string | undefined;
  token: string | undefined;
}

/** A server that answers calls to `/events` in turn and records them. */
async function serve(context: TestContext, ...answers: Answer[]) {
  const calls: Call[] = [];
  const server = createServer((request, response) => {
    calls.push({
      url: request.url ?? "",
      lastEventId: request.headers["last-event-id"] as string | undefined,
      token: request.headers.authorization,
    });
    if (request.url?.includes("/messages")) {
      response.setHeader("Content-Type", "application/json");
      response.end(JSON.stringify({ data: [view(4)], hasMore: true }));
      return;
    }
    const answer = answers.shift();
    assert.ok(answer, `one call too many: ${request.url}`);
    answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { calls, baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function view(index: number): Message {
  return { role: "user", content: `content ${index}`, timestamp: "2026-03-01T09:30:00.000Z", index };
}

const message = (index: number) => `id: ${index}\nevent: message\ndata: ${JSON.stringify(view(index))}\n\n`;
const deleted = "event: deleted\ndata: {}\n\n";

/** Opens a stream, sends `text`, and then ends it, cuts it or leaves it open. */
function stream(text: string, then: "end" | "cut" | "stay" = "end"): Answer {
  return (_, response) => {
    response.setHeader("Content-Type", "text/event-stream");
    response.write("retry: 1\n: open\n\n" + text, () => {
      if (then === "end") {
        response.end();
      } else if (then === "cut") {
        response.destroy();
      }
    });
  };
}

function refuse(status: number, headers: Record<string, string> = {}): Answer {
  return (request, response) => {
    response.writeHead(status, { "Content-Type": "application/problem+json", ...headers });
    response.end(
      JSON.stringify({ type: "/problems#internal", code: "internal", title: "No", status, detail: `no: ${status}`, instance: request.url }),
    );
  };
}

async function indexes(messages: AsyncIterable<Message>): Promise<number[]> {
  const all: number[] = [];
  for await (const each of messages) {
    all.push(each.index);
  }
  return all;
}

test("messages are told in order until the conversation is deleted", async (context) => {
  const { baseUrl, calls } = await serve(context, stream(message(0) + ": heartbeat\n\n" + message(1) + deleted));
  const client = createConversationClient({ baseUrl, token: "secret" });
  const told: Message[] = [];
  for await (const each of client.follow("a/b ä", { after: -1 })) {
    told.push(each);
  }
  assert.deepEqual(told, [view(0), view(1)]);
  assert.deepEqual(calls, [
    { url: "/api/conversation/a%2Fb%20%C3%A4/events?after=-1", lastEventId: undefined, token: "Bearer secret" },
  ]);
});

test("a stream that ends or is cut is taken up again behind the last message", async (context) => {
  const { baseUrl, calls } = await serve(
    context,
    stream(message(5) + message(6)),
    stream("id: 7\nevent: message\ndata: {", "cut"),
    stream(message(7), "cut"),
    stream(deleted),
  );
  const client = createConversationClient({ baseUrl });
  assert.deepEqual(await indexes(client.follow("c", { after: 4 })), [5, 6, 7]);
  assert.deepEqual(
    calls.map((call) => [call.url, call.lastEventId]),
    [
      ["/api/conversation/c/events?after=4", undefined],
      ["/api/conversation/c/events", "6"],
      ["/api/conversation/c/events", "6"],
      ["/api/conversation/c/events", "7"],
    ],
  );
});

test("a truncation is reported, and the stream resumes after it", async (context) => {
  const { baseUrl, calls } = await serve(
    context,
    stream(message(5) + message(6) + 'id: 3.4\nevent: truncated\ndata: {"from":5}\n\n', "cut"),
    stream(message(5).replace("id: 5", "id: 3.5"), "cut"),
    stream(deleted),
  );
  const truncated: number[] = [];
  const messages = createConversationClient({ baseUrl }).follow("c", {
    after: 4,
    onTruncated: (from) => truncated.push(from),
  });
  assert.deepEqual(await indexes(messages), [5, 6, 5]);
  assert.deepEqual(truncated, [5]);
  assert.deepEqual(
    calls.map((call) => call.lastEventId),
    [undefined, "3.4", "3.5"],
  );
});

test("without an index it begins behind the newest message, and misses none where the first connection is lost", async (context) => {
  const { baseUrl, calls } = await serve(context, stream("", "cut"), stream(message(5) + deleted));
  assert.deepEqual(await indexes(createConversationClient({ baseUrl }).follow("c")), [5]);
  assert.deepEqual(
    calls.map((call) => call.url),
    [
      "/api/conversation/c/messages?limit=1",
      "/api/conversation/c/events?after=4",
      "/api/conversation/c/events?after=4",
    ],
  );
});

test("a token is asked for at each call", async (context) => {
  const { baseUrl, calls } = await serve(context, stream(message(0)), stream(deleted));
  let count = 0;
  const client = createConversationClient({ baseUrl, token: async () => `token-${++count}` });
  assert.deepEqual(await indexes(client.follow("c", { after: -1 })), [0]);
  assert.deepEqual(
    calls.map((call) => call.token),
    ["Bearer token-1", "Bearer token-2"],
  );
});

for (const status of [400, 401, 403, 404]) {
  test(`a ${status} ends it with the problem`, async (context) => {
    const { baseUrl } = await serve(context, refuse(status));
    await assert.rejects(indexes(createConversationClient({ baseUrl }).follow("c", { after: -1 })), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.equal(error.status, status);
      assert.equal(error.problem?.detail, `no: ${status}`);
      return true;
    });
  });
}

test("a token that has expired in between ends it with the problem", async (context) => {
  const { baseUrl } = await serve(context, stream(message(0)), refuse(401));
  await assert.rejects(indexes(createConversationClient({ baseUrl }).follow("c", { after: -1 })), { status: 401 });
});

test("a conversation that was deleted while nobody was connected ends it", async (context) => {
  const { baseUrl } = await serve(context, stream(message(0)), refuse(404));
  assert.deepEqual(await indexes(createConversationClient({ baseUrl }).follow("c", { after: -1 })), [0]);
});

test("a service that is not there yet is asked again, when it says", async (context) => {
  const { baseUrl } = await serve(
    context,
    stream(""), // sets the wait to 1 ms
    refuse(503, { "Retry-After": "1" }),
    refuse(429),
    stream(message(0) + deleted),
  );
  const begun = performance.now();
  assert.deepEqual(await indexes(createConversationClient({ baseUrl }).follow("c", { after: -1 })), [0]);
  assert.ok(performance.now() - begun >= 1000, "it has not waited as long as it was asked to");
});

test("a connection that gives no sign of life is given up", async (context) => {
  const { baseUrl } = await serve(context, stream(message(0), "stay"), stream(message(1) + deleted));
  const client = createConversationClient({ baseUrl });
  assert.deepEqual(await indexes(client.follow("c", { after: -1, silence: 100 })), [0, 1]);
});

test("the signal ends it, and closes the connection", async (context) => {
  let closed: Promise<unknown> | undefined;
  const { baseUrl } = await serve(context, (request, response) => {
    closed = once(response, "close");
    stream(message(0), "stay")(request, response);
  });
  const ending = new AbortController();
  const told: number[] = [];
  for await (const each of createConversationClient({ baseUrl }).follow("c", { after: -1, signal: ending.signal })) {
    told.push(each.index);
    setTimeout(() => ending.abort(), 10);
  }
  assert.deepEqual(told, [0]);
  await closed;
});

test("one who stops listening closes the connection", async (context) => {
  let closed: Promise<unknown> | undefined;
  const { baseUrl } = await serve(context, (request, response) => {
    closed = once(response, "close");
    stream(message(0), "stay")(request, response);
  });
  for await (const each of createConversationClient({ baseUrl }).follow("c", { after: -1 })) {
    assert.equal(each.index, 0);
    break;
  }
  await closed;
});

test("an event that is no message is an error, and not taken for a lost connection", async (context) => {
  const { baseUrl } = await serve(context, stream("event: message\ndata: nonsense\n\n", "stay"));
  await assert.rejects(indexes(createConversationClient({ baseUrl }).follow("c", { after: -1 })), SyntaxError);
});
