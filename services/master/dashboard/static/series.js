// @ts-check
// An experiment's history in columns, which grows by what is new. Places, smoothing and running bests are derived.

import { reaches } from "./words.js";

export class Series {
  constructor() {
    this.every = 1;
    this.generations = { generation: [] };
    this.tests = { generation: [] };
    this.last = 0;
    /** Whether the extremes of a thinned history are in; the master finds them after its first answer. */
    this.extremes = true;
  }

  /** The last generation that need not be told again. */
  get after() {
    if (!this.extremes) return 0;
    const known = this.generations.generation;
    return known.findLast((generation) => this.#stays(generation)) ?? 0;
  }

  /** The last generation and the last test that are here. */
  get known() {
    return [this.last, this.tests.generation.at(-1) ?? 0];
  }

  /** Take in an answer of `/columns`; returns whether anything changed. */
  append(reply) {
    const grown =
      reply.whole ||
      reply.last !== this.last ||
      (reply.tests.generation?.at(-1) ?? 0) !== (this.tests.generation.at(-1) ?? 0);
    if (reply.whole) {
      this.every = reply.every;
      this.generations = { generation: [], ...reply.generations };
      this.tests = { generation: [], ...reply.tests };
    } else {
      this.generations = joined(this.generations, reply.generations, (generation) => this.#stays(generation));
      this.tests = joined(this.tests, reply.tests, () => true);
    }
    this.last = reply.last;
    this.extremes = reply.extremes;
    return grown;
  }

  /** Of a thinned history the last record may lie between two others: it goes once there is a later one. */
  #stays(generation) {
    return (generation - 1) % this.every === 0;
  }
}

function joined(old, added, stays) {
  const news = added.generation ?? [];
  if (!news.length) return old;
  const kept = old.generation
    .map((generation, i) => [generation, i])
    .filter(([generation]) => generation < news[0] && stays(generation))
    .map(([, i]) => i);
  const names = new Set([...Object.keys(old), ...Object.keys(added)]);
  const result = {};
  for (const name of names) {
    const before = kept.map((i) => old[name]?.[i] ?? null);
    result[name] = [...before, ...(added[name] ?? news.map(() => null))];
  }
  return result;
}

/** The horizontal axes: a title, and where each record stands. */
export const AXES = {
  generation: { title: "Generation", place: (columns) => columns.generation },
  time: { title: "Training time", place: (columns) => columns.elapsed_seconds ?? [] },
  steps: { title: "Environment steps", place: (columns) => columns.environment_steps ?? [] },
  "core-hours": {
    title: "Core-hours",
    place: (columns) =>
      (columns.training_core_seconds ?? columns.core_seconds ?? []).map((seconds) => seconds / 3600),
  },
};

/** Places of records on an axis, and the axis' title; time is in seconds, minutes or hours, as fits the whole. */
export function placesOn(axis, series, words) {
  const { place } = AXES[axis];
  const title = axis === "steps" ? words.stepsAxis : AXES[axis].title;
  let training = place(series.generations);
  let tests = place(series.tests);
  let unit = "";
  if (axis === "time") {
    const longest = Math.max(training.at(-1) ?? 0, tests.at(-1) ?? 0);
    const [divisor, name] = longest < 180 ? [1, "seconds"] : longest < 10_800 ? [60, "minutes"] : [3600, "hours"];
    training = training.map((value) => value / divisor);
    tests = tests.map((value) => value / divisor);
    unit = ` (${name})`;
  }
  return { title: title + unit, training, tests };
}

/** An exponential mean of weight 1 − `weight`, begun without bias; 0: the values as they are. */
export function smooth(values, weight) {
  if (!weight) return values;
  let mean = 0;
  let sum = 0;
  return values.map((value) => {
    if (value === null || value === undefined) return null;
    mean = weight * mean + (1 - weight) * value;
    sum = weight * sum + (1 - weight);
    return mean / sum;
  });
}

export function bestSoFar(values, direction) {
  let best = null;
  return values.map((value) => {
    if (best === null || reaches(direction, value, best)) best = value ?? best;
    return best;
  });
}
