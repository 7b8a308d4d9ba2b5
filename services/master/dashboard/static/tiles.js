// The key numbers of an experiment. A tile is one line of TILES: title, value, and a note under it.

import { element, setText } from "./dom.js";
import { count, duration, given, score, short } from "./format.js";

const TILES = [
  ["Generation", ({ experiment }) => count(experiment.generation), ({ stop }) => `of ${count(stop.generations)}`],
  ["Mean return", ({ last }) => score(last?.returns.mean), ({ last }) => last && `±${score(last.returns.std)} in training`],
  ["Best return", ({ last }) => score(last?.returns.maximum), ({ last }) => last && "of the last generation"],
  ["Last test", ({ test }) => score(test?.returns.mean), ({ test }) => test && `±${score(test.returns.std)}, ${count(test.episodes)} episodes`],
  ["Best test", ({ experiment }) => score(experiment.best_test_return), bestNote],
  ["Env-steps", ({ experiment }) => short(experiment.environment_steps), ({ experiment }) => count(experiment.environment_steps)],
  ["Steps / s", ({ rate }) => short(rate), ({ last }) => last && `${last.generation_seconds.toFixed(2)} s a generation, tests and commits counted`],
  ["Elapsed", ({ experiment }) => duration(experiment.elapsed_seconds), () => "of training"],
];

export function createTiles(list) {
  const tiles = TILES.map(([title, value, note]) => {
    const shown = element("dd");
    const small = element("dd", { className: "note" });
    list.append(element("div", { className: "tile" }, element("dt", { textContent: title }), shown, small));
    return { value, note, shown, small };
  });
  return {
    update(experiment, generations, test) {
      const facts = { experiment, stop: experiment.spec.stop, last: generations.at(-1), test, rate: rate(generations) };
      for (const tile of tiles) {
        setText(tile.shown, tile.value(facts));
        setText(tile.small, tile.note(facts) || "\u00a0");
      }
    },
  };
}

function bestNote({ experiment, stop }) {
  const target = stop.test_return === null ? "" : `target ${given(stop.test_return)}`;
  const where = experiment.best_generation === null ? "" : `generation ${count(experiment.best_generation)}`;
  return [where, target].filter(Boolean).join(", ");
}

function rate(generations) {
  const last = generations.at(-1);
  if (!last) return null;
  const before = generations.at(-2) ?? { environment_steps: 0, elapsed_seconds: 0 };
  return (last.environment_steps - before.environment_steps) / (last.elapsed_seconds - before.elapsed_seconds);
}
