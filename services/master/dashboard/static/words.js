// @ts-check
// What the figures of an experiment are called: an environment has returns and steps, an objective values and evaluations.

const OF_ENVIRONMENTS = {
  result: "return",
  results: "Returns",
  each: "Return per episode",
  episodes: "episodes",
  steps: "Env-steps",
  pace: "Steps / s",
  rollouts: "rollouts",
  stepsAxis: "Environment steps",
};
const OF_OBJECTIVES = {
  result: "value",
  results: "Values",
  each: "Value",
  episodes: "evaluations",
  steps: "Evaluations",
  pace: "Evaluations / s",
  rollouts: "evaluations",
  stepsAxis: "Evaluations",
};

/** The words of a specification, or of an experiment's row. */
export const wordsOf = ({ objective }) => (objective ? OF_OBJECTIVES : OF_ENVIRONMENTS);

/** The words of several together: an objective's only where all have one. */
export const wordsOfAll = (specs) =>
  specs.length && specs.every(({ objective }) => objective) ? OF_OBJECTIVES : OF_ENVIRONMENTS;

/** Whether `value` is better than `than`, or as good; false where one of them is missing. */
export const reaches = (direction, value, than) =>
  value != null && than != null && (direction === "minimise" ? value <= than : value >= than);
