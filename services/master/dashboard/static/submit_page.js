// @ts-check
// The page on which an experiment is written, checked while one types, and started.

import { ApiError, dryRun, experimentApi, pageOf, presets, submit } from "./api.js";
import { byId, element, setText } from "./dom.js";
import { bytes, count, duration, hours, short, yaml } from "./format.js";
import { lineOf } from "./yaml_lines.js";

const PAUSE_MS = 350;
const editor = byId("spec");
let typing;
let checking = new AbortController();

begin();

async function begin() {
  const original = new URLSearchParams(location.search).get("clone");
  try {
    const found = await presets();
    byId("preset").replaceChildren(
      ...(original ? [element("option", { value: "", textContent: original })] : []),
      ...found.map(({ name }) => element("option", { value: name, textContent: name })),
    );
    byId("preset").addEventListener("change", () =>
      write(found.find(({ name }) => name === byId("preset").value)?.yaml),
    );
    if (original) await writeClone(original);
    else write(found.find(({ name }) => name === "cartpole")?.yaml ?? found[0].yaml);
  } catch (error) {
    say("bad", `This page could not begin: ${error.message}`);
  }
}

async function writeClone(id) {
  setText(byId("title"), "Clone");
  const { spec } = await experimentApi(id).get();
  write(yaml({ ...spec, tags: { ...spec.tags, parent: id.slice(0, 100) } }));
}

function write(text) {
  if (text === undefined) return;
  editor.value = text;
  check();
}

async function check() {
  checking.abort();
  checking = new AbortController();
  const { signal } = checking;
  if (!editor.value.trim()) {
    byId("start").disabled = true;
    return say("", "Nothing to check yet.");
  }
  try {
    const estimate = await dryRun(editor.value, signal);
    if (signal.aborted) return;
    say("good", "It can be started.");
    editor.removeAttribute("aria-invalid");
    showEstimate(estimate);
    byId("start").disabled = false;
  } catch (error) {
    if (!signal.aborted) refuse(error);
  }
}

function refuse(error) {
  byId("start").disabled = true;
  editor.setAttribute("aria-invalid", "true");
  byId("estimate").replaceChildren();
  const fields = error instanceof ApiError ? error.errors : [];
  if (!fields.length) return say("bad", error.message);
  const list = element("ul", { className: "faults" }, ...fields.map(faultOf));
  byId("verdict").replaceChildren(list);
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
  const start = lines.slice(0, line).reduce((sum, text) => sum + text.length + 1, 0);
  editor.focus();
  editor.setSelectionRange(start, start + (lines[line] ?? "").length);
  editor.scrollTop = (editor.scrollHeight / lines.length) * Math.max(0, line - 5);
}

function say(kind, text) {
  byId("verdict").replaceChildren(element("p", { className: kind || "muted", textContent: text }));
}

function showEstimate(estimate) {
  const facts = [
    ["Parameters", count(estimate.parameters)],
    ["Rollouts a generation", count(estimate.rollouts_per_generation)],
    ["Training rollouts", count(estimate.training_rollouts)],
    ["Env-steps", short(estimate.environment_steps)],
    ["Time", duration(estimate.seconds)],
    ["Core-hours", hours(estimate.core_hours)],
    ["Master's memory", estimate.master_memory_bytes === null ? "–" : bytes(estimate.master_memory_bytes)],
  ];
  byId("estimate").replaceChildren(
    ...facts.flatMap(([name, value]) => [
      element("dt", { textContent: name }),
      element("dd", { textContent: value }),
    ]),
  );
}

async function start() {
  const button = byId("start");
  if (button.disabled) return;
  button.disabled = true;
  try {
    const experiment = await submit(editor.value, key);
    location.assign(pageOf(experiment.id));
  } catch (error) {
    refuse(error);
  }
}

// One key a visit: a second press, or a retry after a lost answer, starts nothing twice.
let key = newKey();
function newKey() {
  return `page-${Date.now()}-${Math.random().toString(36).slice(2)}`;
}

editor.addEventListener("input", () => {
  key = newKey();
  byId("start").disabled = true;
  clearTimeout(typing);
  typing = setTimeout(check, PAUSE_MS);
});
editor.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start();
});
byId("form").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
