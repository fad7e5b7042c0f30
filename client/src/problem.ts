import type { components } from "./schema.js";

/** A call that the service refused, with its problem (RFC 9457). */
export class ProblemError extends Error {
  readonly status: number;
  /** How many milliseconds the service asks to wait before another attempt; 0 where it says nothing. */
  readonly retryAfter: number;
  /** Missing where the answer did not come from the service, but from something in between. */
  readonly problem: components["schemas"]["Problem"] | undefined;

  constructor(response: Response, body: unknown) {
    const problem = isProblem(body) ? body : undefined;
    super(problem?.detail ?? `The service answered ${response.status}`);
    this.name = "ProblemError";
    this.status = response.status;
    this.retryAfter = 1000 * (Number(response.headers.get("Retry-After")) || 0);
    this.problem = problem;
  }
}

function isProblem(body: unknown): body is components["schemas"]["Problem"] {
  return typeof body === "object" && body !== null && "status" in body && "detail" in body;
}
