// @ts-check
// The page on which a study is written, checked while one types, and started.

import { dryRunStudy, experimentApi, presets, ROOT, startStudy } from "./api.js";
import { byId } from "./dom.js";
import { count, duration, hours, short, yaml } from "./format.js";
import { createEditor, offer } from "./spec_editor.js";

const STEPS = 200_000;
const editor = createEditor({
  check: async (text, signal) => factsOf(await dryRunStudy(text, signal)),
  start: async (text) => `${ROOT}dashboard/studies/${encodeURIComponent((await startStudy(text)).id)}`,
});
begin();

async function begin() {
  const original = new URLSearchParams(location.search).get("of");
  try {
    const texts = (await presets()).map(({ name, yaml: text }) => [name, studyOf(name, text)]);
    if (original) {
      const { name, spec } = await experimentApi(original).get();
      texts.unshift([original, studyOf(name, yaml(spec))]);
    }
    offer(byId("preset"), texts, editor.write);
    const first = original ?? "cartpole";
    const [name, text] = texts.find(([one]) => one === first) ?? texts[0];
    byId("preset").value = name;
    editor.write(text);
  } catch (error) {
    editor.say("bad", `This page could not begin: ${error.message}`);
  }
}

/** A study of one specification, with an axis to begin with. */
function studyOf(name, specification) {
  const inner = specification
    .split("\n")
    .filter((line) => line.trim() && !/^(#|name:|seed:)/.test(line))
    .map((line) => `  ${line}`)
    .join("\n");
  return `name: ${name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, "-")
    .slice(0, 60)}-study
axes:
  - {field: population_size, values: [16, 32, 64]}
seeds: 3
budget: {environment_steps: ${STEPS}, runs_at_once: 2}
specification:
${inner}
`;
}

const factsOf = (estimate) => [
  ["Settings", count(estimate.trials)],
  ["Runs", count(estimate.runs)],
  ["Training steps of all", short(estimate.environment_steps)],
  ["Time", duration(estimate.seconds)],
  ["Core-hours", hours(estimate.core_hours)],
];
