import type { Client } from "openapi-fetch";
import { ProblemError } from "./problem.js";
import type { components, paths } from "./schema.js";
import { readEvents } from "./sse.js";

type Message = components["schemas"]["MessageView"];

export interface FollowOptions {
  /** The index of the last known message; -1 for all messages. Without it, `follow` returns only new messages. */
  after?: number;
  /**
   * Called if the message of index `from` and all after it were removed. The messages that follow reuse the indexes from there on.
   */
  onTruncated?: (from: number) => void;
  /** Ends the iteration. */
  signal?: AbortSignal;
  /** Milliseconds without data after which a connection counts as lost; the service sends a comment every 15 s. */
  silence?: number;
  /** Maximum milliseconds between two attempts. */
  longestWait?: number;
}

const FIRST_WAIT = 1000;
const RETRIED = new Set([408, 429, 500, 502, 503, 504]);

/** See `ConversationClient.follow`. */
export async function* follow(
  api: Client<paths>,
  conversationId: string,
  options: FollowOptions = {},
): AsyncGenerator<Message, void, void> {
  const { signal, silence = 45_000, longestWait = 30_000 } = options;
  let after = options.after;
  let seen: string | undefined;
  let wait = FIRST_WAIT;
  let failures = 0;
  let opened = false;
  while (!signal?.aborted) {
    const connection = new Connection(silence, signal);
    let asked = 0; // the wait that the service requests
    try {
      after ??= await newest(api, conversationId, connection.signal);
      const answer = await api.GET("/api/conversation/{conversationId}/events", {
        params: {
          path: { conversationId },
          ...(seen === undefined ? { query: { after } } : { header: { "Last-Event-ID": seen } }),
        },
        parseAs: "stream",
        signal: connection.signal,
      });
      if (answer.error !== undefined || !answer.data) {
        throw new ProblemError(answer.response, answer.error);
      }
      opened = true;
      for await (const part of readEvents(answer.data as ReadableStream<Uint8Array>)) {
        connection.alive();
        failures = 0;
        if (part.kind === "retry") {
          wait = part.milliseconds;
        } else if (part.kind === "event" && part.event.event === "deleted") {
          return;
        } else if (part.kind === "event" && part.event.event === "truncated") {
          seen = part.event.id;
          options.onTruncated?.((JSON.parse(part.event.data) as { from: number }).from);
        } else if (part.kind === "event" && part.event.event === "message") {
          const message = JSON.parse(part.event.data) as Message;
          seen = part.event.id;
          connection.pause();
          yield message;
          connection.alive();
        }
      }
    } catch (failure) {
      if (failure instanceof ProblemError && failure.status === 404 && opened) {
        return; // deleted while nobody was connected
      }
      if (failure instanceof ProblemError && RETRIED.has(failure.status)) {
        asked = failure.retryAfter;
      } else if (!isLost(failure)) {
        throw failure;
      }
    } finally {
      connection.close();
    }
    const backoff = Math.min(longestWait, wait * 2 ** failures++);
    await pause(Math.max(asked, backoff * (0.5 + Math.random() / 2)), signal);
  }
}

/** Whether a connection failed (fetch throws a TypeError) or was closed by this client. */
function isLost(failure: unknown): boolean {
  return failure instanceof TypeError || (failure instanceof DOMException && failure.name === "AbortError");
}

/** The index of the newest message, or -1. */
async function newest(api: Client<paths>, conversationId: string, signal: AbortSignal): Promise<number> {
  const answer = await api.GET("/api/conversation/{conversationId}/messages", {
    params: { path: { conversationId }, query: { limit: 1 } },
    signal,
  });
  if (!answer.data) {
    throw new ProblemError(answer.response, answer.error);
  }
  return answer.data.data[0]?.index ?? -1;
}

/** A connection that closes if the caller ends it, or after too long a silence. */
class Connection {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly end = () => this.controller.abort();

  constructor(
    private readonly silence: number,
    private readonly outer: AbortSignal | undefined,
  ) {
    outer?.addEventListener("abort", this.end);
    this.alive();
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  alive(): void {
    this.pause();
    this.timer = setTimeout(this.end, this.silence);
  }

  /** Reads nothing while the caller processes a message. */
  pause(): void {
    clearTimeout(this.timer);
  }

  close(): void {
    this.pause();
    this.outer?.removeEventListener("abort", this.end);
    this.end();
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
    if (signal?.aborted) {
      done();
    }
  });
}
