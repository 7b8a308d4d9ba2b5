// @ts-check
// The page on which a study is written, checked while one types, and started.

import { dryRunStudy, ROOT, startStudy } from "./api.js";
import { count, short, yaml } from "./format.js";
import { begin, createEditor, spent } from "./spec_editor.js";

const STEPS = 200_000;
const editor = createEditor({
  check: async (text, signal) => factsOf(await dryRunStudy(text, signal)),
  start: async (text, key) => `${ROOT}dashboard/studies/${encodeURIComponent((await startStudy(text, key)).id)}`,
});

const original = new URLSearchParams(location.search).get("of");
begin(editor, original, studyOf, ({ name, spec }) => studyOf(name, yaml(spec)));

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
  ...spent(estimate),
];
