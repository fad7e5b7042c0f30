import assert from "node:assert/strict";
import { test } from "node:test";
import { readEvents, type Part } from "../src/sse.js";

async function parts(...chunks: (string | Uint8Array)[]): Promise<Part[]> {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) {
        controller.enqueue(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
      }
      controller.close();
    },
  });
  const all: Part[] = [];
  for await (const part of readEvents(body)) {
    all.push(part);
  }
  return all;
}

const event = (data: string, event = "message", id = ""): Part => ({ kind: "event", event: { event, data, id } });

test("an event has its name, its data line by line, and the id that the stream has reached", async () => {
  assert.deepEqual(await parts("id: 7\nevent: news\ndata: a\ndata:b\n\n", "data\n\n", "id\ndata: c\n\n"), [
    event("a\nb", "news", "7"),
    event("", "message", "7"),
    event("c", "message", ""),
  ]);
});

test("lines end with LF, CR LF or CR, wherever the stream is cut", async () => {
  const stream = "\uFEFFdata: ä\r\n\r\ndata: b\r\rid: 3\r\ndata: 😀\n\n";
  const bytes = new TextEncoder().encode(stream);
  const expected = [event("ä"), event("b"), event("😀", "message", "3")];
  assert.deepEqual(await parts(stream), expected);
  assert.deepEqual(await parts(...Array.from(bytes, (byte) => Uint8Array.of(byte))), expected);
});

test("comments and the time to wait are told; what is no number, and fields that nobody knows, are not", async () => {
  assert.deepEqual(await parts("retry: 250\n: heartbeat\n\nretry: soon\nother: x\nid: a\0b\ndata: d\n\n"), [
    { kind: "retry", milliseconds: 250 },
    { kind: "comment" },
    event("d"),
  ]);
});

test("an event that the stream does not end is none", async () => {
  assert.deepEqual(await parts("event: message\ndata: whole\n\nid: 1\ndata: half\n"), [event("whole")]);
});
