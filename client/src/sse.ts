/** A server-sent event. */
export interface ServerSentEvent {
  event: string;
  data: string;
  /** The last id of the stream, from which `Last-Event-ID` resumes; may be empty. */
  id: string;
}

/** A part of a stream: an event, the time to wait before a reconnect, or a comment. */
export type Part = { kind: "event"; event: ServerSentEvent } | { kind: "retry"; milliseconds: number } | { kind: "comment" };

/** Parses a stream of server-sent events (HTML standard, 9.2.6). */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<Part, void, void> {
  let data: string[] = [];
  let event = "";
  let id = "";
  for await (const line of lines(body)) {
    if (line === "") {
      if (data.length > 0) {
        yield { kind: "event", event: { event: event || "message", data: data.join("\n"), id } };
      }
      data = [];
      event = "";
      continue;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "") {
      yield { kind: "comment" };
    } else if (field === "data") {
      data.push(value);
    } else if (field === "event") {
      event = value;
    } else if (field === "id" && !value.includes("\0")) {
      id = value;
    } else if (field === "retry" && /^[0-9]+$/.test(value)) {
      yield { kind: "retry", milliseconds: Number(value) };
    }
  }
}

/** Lines end with LF, CR LF or CR. An unterminated last line is ignored. */
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      rest += decoder.decode(read.value, { stream: true });
      // A CR at the very end may be the first half of CR LF.
      const complete = /\r\n|\n|\r(?!$)/g;
      let start = 0;
      for (let end = complete.exec(rest); end !== null; end = complete.exec(rest)) {
        yield rest.slice(start, end.index);
        start = complete.lastIndex;
      }
      rest = rest.slice(start);
    }
    if (rest.endsWith("\r")) {
      yield rest.slice(0, -1);
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
