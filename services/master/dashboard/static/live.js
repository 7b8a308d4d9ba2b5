// @ts-check
// Live refreshing: every 2 s while the page is visible, less often where nothing goes on or the master does not answer.

import { ApiError, Unreachable } from "./api.js";
import { byId, setText, show } from "./dom.js";

const PERIOD_MS = 2000;
const IDLE_MS = 10_000;
const LONGEST_MS = 30_000;

/**
 * Call `refresh` now and again and again. It returns false where nothing goes on: then now and
 * then is enough to notice what somebody else began, such as a run resumed from the command line.
 * Returns a function that refreshes at once. The page's body says how often it has looked.
 */
export function live(refresh) {
  const banner = byId("connection");
  let timer = null;
  let failures = 0;
  let looks = 0;
  let busy = false;
  let again = false;

  async function tick() {
    clearTimeout(timer);
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    let goesOn = true;
    try {
      goesOn = (await refresh()) !== false;
      failures = 0;
      looks += 1;
      document.body.dataset.looks = String(looks);
      show(banner, false);
    } catch (error) {
      failures += 1;
      setText(banner, said(error));
      show(banner, true);
    }
    busy = false;
    if (again) {
      again = false;
      tick();
    } else if (!document.hidden) {
      timer = setTimeout(tick, Math.min((goesOn ? PERIOD_MS : IDLE_MS) * 2 ** failures, LONGEST_MS));
    }
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : tick()));
  window.addEventListener("online", tick);
  tick();
  return tick;
}

function said(error) {
  if (error instanceof ApiError) return `The master answers ${error.status}, retrying`;
  if (error instanceof Unreachable || error.name === "TimeoutError") return "Connection lost, retrying";
  console.error(error);
  return "Something went wrong in this page, retrying";
}
