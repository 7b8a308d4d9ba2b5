// @ts-check
// The page on which an experiment is written, checked while one types, and started.

import { dryRun, experimentApi, pageOf, presets, submit } from "./api.js";
import { byId, setText } from "./dom.js";
import { createEnvironmentSearch } from "./environment_search.js";
import { bytes, count, duration, hours, short, yaml } from "./format.js";
import { createEditor, offer } from "./spec_editor.js";
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
begin();

async function begin() {
  const original = new URLSearchParams(location.search).get("clone");
  try {
    const texts = (await presets()).map(({ name, yaml: text }) => [name, text]);
    if (original) {
      setText(byId("title"), "Clone");
      texts.unshift([original, await cloneOf(original)]);
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

async function cloneOf(id) {
  const { spec } = await experimentApi(id).get();
  return yaml({ ...spec, tags: { ...spec.tags, parent: id.slice(0, 100) } });
}

const factsOf = (estimate) => [
  ["Parameters", count(estimate.parameters)],
  ["Rollouts a generation", count(estimate.rollouts_per_generation)],
  ["Training rollouts", count(estimate.training_rollouts)],
  ["Env-steps", short(estimate.environment_steps)],
  ["Time", duration(estimate.seconds)],
  ["Core-hours", hours(estimate.core_hours)],
  ["Master's memory", estimate.master_memory_bytes === null ? "–" : bytes(estimate.master_memory_bytes)],
];
