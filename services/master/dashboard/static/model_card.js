// @ts-check
// The best model in short: what it is, how it was tested, and how it is used; to copy as Markdown.

import { byId, copyButton, element, setText, show } from "./dom.js";
import { count, hours, score } from "./format.js";
import { costNote } from "./money.js";
import { wordsOf } from "./words.js";

const BEST = "best_model.npz";

/** `update(experiment, tests, files)` shows the card once there is a best model. */
export function createModelCard(api) {
  let text = "";
  copyButton(byId("copy-card"), () => text);
  return {
    update(experiment, tests, files) {
      const there = files.some(({ name }) => name === BEST) && experiment.best_test_return !== null;
      show(byId("card"), there);
      if (!there) return;
      const facts = factsOf(experiment, tests);
      text = markdown(experiment, facts);
      const stamp = JSON.stringify(facts);
      if (byId("card-facts").dataset.stamp === stamp) return;
      byId("card-facts").dataset.stamp = stamp;
      byId("card-facts").replaceChildren(
        ...facts.flatMap(([name, value]) => [
          element("dt", { textContent: name }),
          element("dd", { textContent: value }),
        ]),
      );
      byId("card-model").href = api.artifactUrl(BEST);
      setText(byId("card-use"), use(experiment));
    },
  };
}

function factsOf(
  { spec, dimension, best_generation: generation, best_test_return: best, direction, ...of },
  tests,
) {
  const words = wordsOf(spec);
  const place = tests.generation.indexOf(generation);
  const ofTest = (name) => (place < 0 ? null : (tests[name]?.[place] ?? null));
  const spread = ofTest("returns.std");
  const used = ofTest("training_core_seconds");
  return [
    spec.objective ? ["Objective", `${spec.objective.id}, ${direction}d`] : ["Environment", spec.environment.id],
    ...(spec.policy ? [["Policy", spec.policy.name]] : []),
    ["Parameters", count(dimension)],
    ["Strategy", `${spec.strategy.name}, population ${count(spec.population_size)}`],
    [`Test ${words.result}`, spread === null ? score(best) : `${score(best)} ± ${score(spread)}`],
    ["Tested on", `${count(ofTest("episodes"))} ${words.episodes}, unseen in training`],
    ["Generation", count(generation)],
    [words.steps, count(ofTest("environment_steps") ?? of.environment_steps)],
    ...(used ? [["Core-hours", [hours(used / 3600), costNote(used / 3600)].filter(Boolean).join(", ")]] : []),
    ["Seed", String(spec.seed)],
  ];
}

function use({ spec }) {
  const taken = spec.objective ? "solution = model.parameters" : "action = model.act(observation)";
  return `from seedcast import Model\n\nmodel = Model.load("${BEST}")\n${taken}`;
}

function markdown(experiment, facts) {
  const rows = facts.map(([fact, value]) => `| ${fact} | ${value} |`).join("\n");
  const head = `# ${experiment.name}\n\nTrained by Seedcast as \`${experiment.id}\`.`;
  return `${head}\n\n| | |\n| --- | --- |\n${rows}\n\n\`\`\`python\n${use(experiment)}\n\`\`\`\n`;
}
