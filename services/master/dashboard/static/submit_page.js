// @ts-check
// The page on which an experiment is written, checked while one types, and started.

import { dryRun, pageOf, submit } from "./api.js";
import { byId, setText } from "./dom.js";
import { createEnvironmentSearch } from "./environment_search.js";
import { bytes, count, short, yaml } from "./format.js";
import { begin, createEditor, spent } from "./spec_editor.js";
import { setEnvironment } from "./yaml_lines.js";

const editor = createEditor({
  check: async (text, signal) => factsOf(await dryRun(text, signal)),
  start: async (text, key) => pageOf((await submit(text, key)).id),
});
createEnvironmentSearch((id) => {
  const { text, line } = setEnvironment(editor.text, id);
  editor.write(text);
  editor.goTo(line);
});

const original = new URLSearchParams(location.search).get("clone");
if (original) setText(byId("title"), "Clone");
begin(
  editor,
  original,
  (_name, text) => text,
  ({ id, spec }) => yaml({ ...spec, tags: { ...spec.tags, parent: id.slice(0, 100) } }),
);

const factsOf = (estimate) => [
  ["Parameters", count(estimate.parameters)],
  ["Rollouts a generation", count(estimate.rollouts_per_generation)],
  ["Training rollouts", count(estimate.training_rollouts)],
  ["Env-steps", short(estimate.environment_steps)],
  ...spent(estimate),
  ["Master's memory", estimate.master_memory_bytes === null ? "–" : bytes(estimate.master_memory_bytes)],
];
