// Server-sent events that go on. A connection that is cut the browser opens again by itself, with Last-Event-ID; one that
// was rejected (a replica that has just started, a token that has expired) it gives up, and this module opens it again.

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 8000;

/**
 * Listens until `signal` is aborted.
 *
 * @param url gives the address of each new connection: from behind the last event that was seen
 * @param listeners by the event's name, called with its data
 * @param check a call that fails with the reason why there is no connection, if there is one that lasts
 * @param onLive hears whether the connection stands
 */
export function follow({ url, listeners, check, onLive, signal }) {
  let wait = FIRST_WAIT;
  let source;

  function open() {
    source = new EventSource(url());
    source.addEventListener('open', () => {
      wait = FIRST_WAIT;
      onLive(true);
    });
    for (const [name, listener] of Object.entries(listeners)) {
      source.addEventListener(name, (event) => listener(JSON.parse(event.data)));
    }
    source.addEventListener('error', () => {
      onLive(false);
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(again, wait);
        wait = Math.min(wait * 2, LONGEST_WAIT);
      }
    });
  }

  async function again() {
    if (signal.aborted) {
      return;
    }
    try {
      await check();
    } catch (failure) {
      if (!failure.passes) {
        return; // told by whoever made the call
      }
    }
    if (!signal.aborted) {
      open();
    }
  }

  signal.addEventListener('abort', () => source.close());
  open();
}
