import createFetchClient, { type Client } from "openapi-fetch";
import { follow, type FollowOptions } from "./follow.js";
import type { components, paths } from "./schema.js";

export { ProblemError } from "./problem.js";
export type { FollowOptions } from "./follow.js";
export type { components, paths } from "./schema.js";

export type Conversation = components["schemas"]["ConversationView"];
export type Message = components["schemas"]["MessageView"];
export type Problem = components["schemas"]["Problem"];

export interface ConversationClientOptions {
  /** The address of the service, such as `https://chat.example`. */
  baseUrl: string;
  /** The caller's token, or a function that returns it for each call. Without it, the browser sends its cookie. */
  token?: string | (() => string | Promise<string>);
  /** Replaces the platform's fetch. */
  fetch?: (request: Request) => Promise<Response>;
}

export interface ConversationClient {
  /** Every route of the service, with types from its OpenAPI description. */
  api: Client<paths>;
  /**
   * The messages of a conversation as they arrive, each once and in order: after the index `after`, or only new ones. It
   * resumes after a lost connection. It ends when the conversation is deleted or `signal` aborts, and throws a `ProblemError`
   * if the service rejects the call.
   */
  follow(conversationId: string, options?: FollowOptions): AsyncGenerator<Message, void, void>;
}

/** Creates a client of the conversation service. */
export function createConversationClient(options: ConversationClientOptions): ConversationClient {
  const { baseUrl, token, fetch } = options;
  const api = createFetchClient<paths>({
    baseUrl,
    ...(fetch && { fetch }),
    ...(token === undefined && { credentials: "include" as const }),
  });
  if (token !== undefined) {
    api.use({
      async onRequest({ request }) {
        request.headers.set("Authorization", `Bearer ${typeof token === "string" ? token : await token()}`);
        return request;
      },
    });
  }
  return { api, follow: (conversationId, how) => follow(api, conversationId, how) };
}
