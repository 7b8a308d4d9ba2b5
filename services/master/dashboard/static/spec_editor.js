// @ts-check
// An editor of YAML that is checked at the master while one types, and started once there is nothing wrong with it.

import { ApiError, experimentApi, presets, Unreachable } from "./api.js";
import { byId, element } from "./dom.js";
import { duration, hours } from "./format.js";
import { costOf, priced } from "./money.js";
import { lineOf } from "./yaml_lines.js";

const PAUSE_MS = 350;
const AGAIN_MS = 3000; // Until a master that did not answer is asked again.
const FIRST = "cartpole"; // The preset that anybody can start.

/**
 * `check(text, signal)` returns facts for the estimate, [[name, value], …], or throws what is wrong;
 * `start(text, key)` starts it. The key is the same as long as the text is: twice starts nothing twice.
 */
export function createEditor({ check, start }) {
  const editor = byId("spec");
  const button = byId("start");
  let typing = null;
  let checking = new AbortController();
  let key = newKey();

  async function look() {
    checking.abort();
    checking = new AbortController();
    const { signal } = checking;
    if (!editor.value.trim()) {
      button.disabled = true;
      say("", "Nothing to check yet.");
      return;
    }
    try {
      const facts = await check(editor.value, signal);
      if (signal.aborted) return;
      say("good", "It can be started.");
      editor.removeAttribute("aria-invalid");
      showFacts(facts);
      button.disabled = false;
    } catch (error) {
      if (signal.aborted) return;
      refuse(error);
      if (error instanceof Unreachable) typing = setTimeout(look, AGAIN_MS);
    }
  }

  function refuse(error) {
    button.disabled = true;
    editor.setAttribute("aria-invalid", "true");
    showFacts([]);
    const fields = error instanceof ApiError ? error.errors : [];
    if (!fields.length) say("bad", error.message);
    else byId("verdict").replaceChildren(element("ul", { className: "faults" }, ...fields.map(faultOf)));
  }

  /** One wrong field; a press goes to its line. */
  function faultOf({ field, reason, value }) {
    const told = /line (\d+)/.exec(reason);
    const line = field === "body" ? (told ? Number(told[1]) - 1 : null) : lineOf(editor.value, field);
    const where = `${field === "body" ? "" : field}${line === null ? "" : ` line ${line + 1}`}`.trim();
    const link = element("button", { type: "button", className: "link", textContent: where || "specification" });
    link.addEventListener("click", () => goTo(line ?? 0));
    const got = value === null || value === undefined ? "" : ` (got ${value})`;
    return element("li", {}, link, element("span", { textContent: `${reason}${got}` }));
  }

  function goTo(line) {
    const lines = editor.value.split("\n");
    const from = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);
    editor.focus();
    editor.setSelectionRange(from, from + (lines[line] ?? "").length);
    editor.scrollTop = (editor.scrollHeight / lines.length) * Math.max(0, line - 5);
  }

  async function go() {
    if (button.disabled) return;
    button.disabled = true;
    try {
      location.assign(await start(editor.value, key));
    } catch (error) {
      if (error instanceof ApiError) refuse(error);
      else {
        say("bad", `${error.message}: it may have been started. Start asks again, and starts nothing twice.`);
        button.disabled = false;
      }
    }
  }

  function changed() {
    key = newKey();
    button.disabled = true;
    clearTimeout(typing);
    typing = setTimeout(look, PAUSE_MS);
  }

  editor.addEventListener("input", changed);
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) go();
  });
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    go();
  });
  return {
    get text() {
      return editor.value;
    },
    /** Replace all of it. */
    write(text) {
      editor.value = text;
      changed();
    },
    goTo,
    say,
  };
}

function say(kind, text) {
  byId("verdict").replaceChildren(element("p", { className: kind || "muted", textContent: text }));
}

function showFacts(facts) {
  byId("estimate").replaceChildren(
    ...facts.flatMap(([name, value]) => [
      element("dt", { textContent: name }),
      element("dd", { textContent: value }),
    ]),
  );
}

function newKey() {
  return `page-${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

/** What an estimate says of time and money. */
export const spent = ({ seconds, core_hours: used }) => [
  ["Time", duration(seconds)],
  ["Core-hours", hours(used)],
  ...(priced && used !== null ? [["Cost", costOf(used)]] : []),
];

/**
 * Offer texts to begin with, a choice of which replaces what is written: `ofPreset(name, yaml)` makes one of each
 * preset, and `ofRun(experiment)` one of the run `original`, if there is one, which then stands there first.
 */
export async function begin(editor, original, ofPreset, ofRun) {
  const select = byId("preset");
  try {
    const texts = new Map((await presets()).map(({ name, yaml }) => [name, ofPreset(name, yaml)]));
    if (original) texts.set(original, ofRun(await experimentApi(original).get()));
    const first = original ?? (texts.has(FIRST) ? FIRST : [...texts.keys()][0]);
    select.replaceChildren(
      ...[...texts.keys()].map((name) => element("option", { value: name, textContent: name })),
    );
    select.addEventListener("change", () => editor.write(texts.get(select.value)));
    select.value = first;
    editor.write(texts.get(first));
  } catch (error) {
    editor.say("bad", `This page could not begin: ${error.message}`);
    if (!(error instanceof Unreachable)) return;
    // What somebody has written meanwhile is not written over.
    setTimeout(() => editor.text.trim() || begin(editor, original, ofPreset, ofRun), AGAIN_MS);
  }
}
