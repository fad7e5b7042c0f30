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
  /** Where the service is, for instance `https://chat.example`. */
  baseUrl: string;
  /** The caller's token, or what gives it; asked for at each call. Without one the browser's cookie is sent. */
  token?: string | (() => string | Promise<string>);
  /** Another fetch than the platform's. */
  fetch?: (request: Request) => Promise<Response>;
}

export interface ConversationClient {
  /** Every route of the service, typed by its description. */
  api: Client<paths>;
  /**
   * The messages of a conversation as they come, each once and in order: after the index `after`, or what is new from now
   * on. A lost connection is taken up again where it was. It ends where the conversation is deleted or `signal` says so, and
   * throws a `ProblemError` where the service refuses it.
   */
  follow(conversationId: string, options?: FollowOptions): AsyncGenerator<Message, void, void>;
}

/** A client of the conversation service. */
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
