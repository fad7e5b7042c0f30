import type { ConversationClient, Message } from "./index.js";
import { ProblemError } from "./problem.js";

/** All messages of a conversation, oldest first; none if there is no such conversation. */
export async function allMessages({ api }: ConversationClient, conversationId: string): Promise<Message[]> {
  const loaded: Message[] = [];
  for (let more = true; more; ) {
    const page = await api.GET("/api/conversation/{conversationId}/messages", {
      params: { path: { conversationId }, query: { after: loaded.length - 1, limit: 100 } },
    });
    if (page.response.status === 404) {
      return [];
    }
    const { data, hasMore } = dataOf(page);
    loaded.push(...data);
    more = hasMore;
  }
  return loaded;
}

/** The data of a response; throws its problem. */
export function dataOf<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (data === undefined) {
    throw new ProblemError(response, error);
  }
  return data;
}
