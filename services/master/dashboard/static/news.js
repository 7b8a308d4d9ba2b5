// @ts-check
// Word from the master as it comes (server-sent events): that there is something new of an experiment, not what.

import { address } from "./api.js";

const TOGETHER_MS = 700; // What comes within this is one word.

/**
 * Listen, while the page is visible: a browser has few connections to a host, and a hidden page needs none.
 * `known()` is the last generation and the last test that the page has; `changed()` is called once there is more.
 * Until `open` is true, and where it never is, the page has to ask by itself.
 */
export function listen(id, known, changed) {
  let source = null;
  let waiting = false;

  function tell() {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      changed();
    }, TOGETHER_MS);
  }

  function close() {
    source?.close();
    source = null;
  }

  return {
    get open() {
      return source?.readyState === EventSource.OPEN;
    },
    /** Begin, or go on; nothing where it listens already. */
    start() {
      if (document.hidden || (source && source.readyState !== EventSource.CLOSED)) return;
      const query = new URLSearchParams({ brief: "true", after: `${known().join(".")}.` });
      source = new EventSource(address(`experiments/${encodeURIComponent(id)}/events?${query}`));
      for (const kind of ["generation", "test", "status", "rolled_back"]) source.addEventListener(kind, tell);
      source.addEventListener("deleted", () => {
        close();
        tell();
      });
      source.addEventListener("error", tell);
    },
    close,
  };
}
