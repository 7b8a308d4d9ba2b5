// @ts-check
// What happened in a run, as marks in lanes below its curve: one lane for each kind of event that there was.

/** Lane, the column that counts it, what one of them is called and several are, plotly.js' symbol, and the palette's colour. */
const KINDS = [
  ["given up", "failed_members", "member", "members", "x", "bad"],
  ["worker lost", "lost_units", "unit with it", "units with it", "triangle-down", "bad"],
  ["run again", "retried_rollouts", "rollout", "rollouts", "triangle-up", "muted"],
  ["hedged", "hedged_units", "unit", "units", "diamond", "muted"],
  ["resumed", "resumed", "time", "times", "triangle-right", "training"],
];
const LANE = { yaxis: "y2", mode: "markers", showlegend: false, hovertemplate: "%{customdata}" };

/** { traces, lanes }: the marks, and the lanes' names from the first. */
export function eventLanes({ generations, tests }, places, palette) {
  const lanes = [];
  const traces = [];
  function add(name, x, told, symbol, color) {
    if (!x.length) return;
    lanes.push(name);
    const marker = { symbol, size: 8, color };
    const y = x.map(() => lanes.length - 1);
    traces.push({ ...LANE, x, y, name, told, customdata: told, marker });
  }
  for (const [name, column, one, many, symbol, colour] of KINDS) {
    const at = places.training.map((_, i) => i).filter((i) => generations[column]?.[i] > 0);
    const told = at.map((i) => Number(generations[column][i])).map((n) => `${n} ${n === 1 ? one : many}`);
    const x = at.map((i) => places.training[i]);
    add(name, x, told, symbol, palette[colour]);
  }
  const best = tests["retraining.best_generation"] ?? [];
  const back = best.map((_, i) => i).filter((i) => best[i] != null);
  const told = back.map((i) => `to generation ${best[i]}`);
  add(
    "went back",
    back.map((i) => places.tests[i]),
    told,
    "triangle-left",
    palette.test,
  );
  return { traces, lanes };
}
