import type { components } from "./schema.js";

/** A failed call with its problem document (RFC 9457). */
export class ProblemError extends Error {
  readonly status: number;
  /** Milliseconds of `Retry-After`, or 0. */
  readonly retryAfter: number;
  /** Undefined if the answer came from a proxy, not from the service. */
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
