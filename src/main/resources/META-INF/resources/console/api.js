// The routes that the page uses. The caller is known by the cookie, which the browser sends by itself.

const INTEGRITY = '/api/admin/integrity';
const CONVERSATION = '/api/conversation';

/** A call that was not answered as wished; `status` is 0 where the service could not be reached. */
export class ApiError extends Error {
  constructor(status, message, retryAfter = 0) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same call may succeed a little later. */
  get passes() {
    return [0, 429, 502, 503, 504].includes(this.status);
  }
}

async function call(path, { method = 'GET', body, headers = {}, signal } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: body === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (failure) {
    if (failure.name === 'AbortError') {
      throw failure;
    }
    throw new ApiError(0, 'The service cannot be reached.');
  }
  if (!response.ok) {
    throw await refusal(response);
  }
  return response.status === 204 ? null : response.json();
}

async function refusal(response) {
  if (response.status === 401) {
    document.dispatchEvent(new Event('signedout'));
  }
  const problem = await response.json().catch(() => ({}));
  const violations = (problem.violations ?? []).map((violation) => `${violation.field} ${violation.message}`);
  const message = [problem.detail ?? problem.title ?? `The service answered ${response.status}.`, ...violations].join(' ');
  return new ApiError(response.status, message, Number(response.headers.get('Retry-After')));
}

export const integrityEvents = `${INTEGRITY}/events`;

export function integrityReport(signal) {
  return call(INTEGRITY, { signal });
}

export function heal(dryRun) {
  return call(`${INTEGRITY}/heal?dryRun=${dryRun}`, { method: 'POST' });
}

/** The conversations of all users with this conversationId or sessionId, without their content. */
export function conversationsWithId(id, signal) {
  return call(`/api/admin/conversations?id=${encodeURIComponent(id)}`, { signal });
}

export function conversations(cursor, signal) {
  const after = cursor ? `&after=${encodeURIComponent(cursor)}` : '';
  return call(`${CONVERSATION}?limit=20${after}`, { signal });
}

export function start() {
  return call(`${CONVERSATION}/start`, { method: 'POST', body: {}, headers: retryKey(newKey()) });
}

function path(id) {
  return `${CONVERSATION}/${encodeURIComponent(id)}`;
}

export function conversation(id, signal) {
  return call(path(id), { signal });
}

/** Changes `title` or `archived`; a title of null removes it. */
export function change(id, changes) {
  return call(path(id), { method: 'PATCH', body: changes });
}

/** Deletes the conversation. */
export function remove(id) {
  return call(path(id), { method: 'DELETE' });
}

/** The address of the whole conversation as a file. */
export function exportOf(id) {
  return `${path(id)}/export`;
}

export function messagesBefore(id, index, signal) {
  return call(`${path(id)}/messages?before=${index}`, { signal });
}

/** The live messages after `index`. */
export function messageEvents(id, index) {
  return `${path(id)}/events?after=${index}`;
}

/** Sends a message; under the same `key` it is taken once, however often it is sent. */
export function send(id, content, key) {
  return call(`${path(id)}/message`, { method: 'POST', body: { content }, headers: retryKey(key) });
}

function retryKey(key) {
  return { 'Idempotency-Key': key };
}

/** A key that nobody else has. (`randomUUID` is not there on a page that came without TLS.) */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-');
}

/** Does `work` until it succeeds; `onWait` hears of each failure that may pass, and others are thrown. */
export async function untilDone(work, signal, onWait) {
  for (let wait = 1; ; wait = Math.min(wait * 2, 8)) {
    try {
      return await work();
    } catch (failure) {
      if (!failure.passes) {
        throw failure;
      }
      onWait(failure);
      await sleep(1000 * (failure.retryAfter || wait), signal);
    }
  }
}

function sleep(millis, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, millis);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(new DOMException('The view was left.', 'AbortError'));
    }, { once: true });
  });
}
