// @ts-check
// The key numbers of an experiment, as tiles: each a title, a value, and a note under it.

import { count, duration, given, hours, remaining, score, short } from "./format.js";
import { costNote } from "./money.js";
import { wordsOf } from "./words.js";

const PACE_GENERATIONS = 10;

export function experimentFacts(experiment, { generations, tests }) {
  const { stop } = experiment.spec;
  const words = wordsOf(experiment.spec);
  const of = (columns, name) => columns[name]?.at(-1);
  const spread = (columns, text) => {
    const value = of(columns, "returns.std");
    return value === undefined || value === null ? "" : `±${score(value)}, ${text}`;
  };
  const { steps, seconds } = lately(generations);
  const eta = remaining({
    ...experiment,
    stop_generations: stop.generations,
    stop_environment_steps: stop.environment_steps,
    stop_wall_time_seconds: stop.wall_time_seconds,
  });
  const wanted = stop.test_return ?? stop.value ?? null;
  const target = wanted === null ? "" : `target ${given(wanted)}`;
  const where = experiment.best_generation === null ? "" : `generation ${count(experiment.best_generation)}`;
  return [
    ["Generation", count(experiment.generation), `of ${count(stop.generations)}`],
    [`Mean ${words.result}`, score(of(generations, "returns.mean")), spread(generations, "in training")],
    [
      "Last test",
      score(of(tests, "returns.mean")),
      spread(tests, `${count(of(tests, "episodes"))} ${words.episodes}`),
    ],
    ["Best test", score(experiment.best_test_return), [where, target].filter(Boolean).join(", ")],
    [words.steps, short(experiment.environment_steps), count(experiment.environment_steps)],
    [
      words.pace,
      short(seconds > 0 ? steps / seconds : null),
      generations.generation.length ? `${of(generations, "generation_seconds").toFixed(2)} s a generation` : "",
    ],
    ["Core-hours", hours(experiment.core_hours), costNote(experiment.core_hours) || "tests included"],
    eta === null
      ? ["Elapsed", duration(experiment.elapsed_seconds), "of training"]
      : ["ETA", duration(eta), `after ${duration(experiment.elapsed_seconds)} of training`],
  ];
}

/** Training steps and seconds of the last generations told. */
function lately({ generation, environment_steps: steps = [], elapsed_seconds: elapsed = [] }) {
  const back = Math.max(0, generation.length - 1 - PACE_GENERATIONS);
  const of = (values) => (values.at(-1) ?? 0) - (back ? values[back] : 0);
  return { steps: of(steps), seconds: of(elapsed) };
}
