// @ts-check
// The charts of several runs: their tests over what was used, their ends, and their settings side by side.

import { band } from "./returns_figure.js";
import { wordsOfAll } from "./words.js";

const TITLES = {
  generation: "Generation",
  elapsed_seconds: "Training time (seconds)",
  core_hours: "Core-hours",
};

const MOST_AXES = 9;

/** `changed` is what `differences` found of the experiments' specifications. */
export function comparisonFigures({ against, groups }, experiments, changed) {
  const words = wordsOfAll(experiments.map(({ spec }) => spec));
  const title = against === "environment_steps" ? words.stepsAxis : TITLES[against];
  /** @type {Record<string, (palette: any) => any>} */
  const figures = {
    [`Test ${words.result}`]: (palette) => curves(groups, title, palette, words),
    "Last test of each run": (palette) => finals(groups, palette, words),
  };
  if (changed.length && experiments.length > 1)
    figures["Settings and best test"] = (palette) => parallel(experiments, changed, palette);
  return figures;
}

export function curves(groups, title, palette, words) {
  const tested = groups.filter(({ x }) => x.length);
  if (!tested.length) return "None of these runs has been tested yet.";
  const traces = [];
  for (const [i, { group, runs, x, mean, low, high }] of tested.entries()) {
    const colour = palette.series[i % palette.series.length];
    if (runs.length > 1) {
      band(traces, x, low, high, `${group}, 95% interval`, colour, palette.faintBand);
      for (const edge of traces.slice(-2)) Object.assign(edge, { showlegend: false, legendgroup: group });
    }
    const name = runs.length > 1 ? `${group} (${runs.length} runs)` : group;
    const dash = ["solid", "dash", "dot"][Math.floor(i / palette.series.length)] ?? "solid";
    const mode = x.length > 1 ? "lines" : "markers";
    traces.push({
      x,
      y: mean,
      name,
      legendgroup: group,
      mode,
      line: { color: colour, width: 2, dash },
      marker: { color: colour },
      hovertemplate: "%{y:.4~g}",
    });
  }
  return { traces, x: title, y: `Mean test ${words.result}` };
}

function finals(groups, palette, words) {
  const tested = groups.filter(({ finals: scores }) => scores.length);
  if (!tested.length) return "None of these runs has been tested yet.";
  const traces = tested.map(({ group, finals: scores }, i) => ({
    x: scores.map(() => group),
    y: scores,
    name: group,
    mode: "markers",
    showlegend: false,
    marker: { size: 9, opacity: 0.75, color: palette.series[i % 8] },
    hovertemplate: "%{y:.4~g}",
  }));
  return {
    traces,
    x: "",
    y: `Last test ${words.result}`,
    fixedX: true,
    hover: "closest",
    xaxis: { type: "category" },
  };
}

/** Parallel coordinates: one line a run over its settings and its score, each axis from its least to its greatest. */
function parallel(experiments, changed, palette) {
  const shared = changed.filter(
    ([field, ...values]) => field !== "seed" && values.every((value) => value !== undefined),
  );
  const axes = [...shared.slice(0, MOST_AXES), ["best test", ...experiments.map((one) => one.best_test_return)]];
  const places = axes.map(([, ...values]) => heights(values));
  const names = axes.map(([field]) => field.split(".").slice(-2).join("."));
  const traces = experiments.map(({ name, id }, i) => ({
    x: names,
    y: places.map((column) => column[i]),
    name: `${name} ${id.slice(-6)}`,
    mode: "lines+markers",
    line: { color: palette.series[i % 8], width: 1.5 },
    connectgaps: true,
    showlegend: false,
    text: axes.map(([field, ...values]) => `${field}: ${values[i] ?? "none"}`),
    hovertemplate: "%{text}",
  }));
  return {
    traces,
    x: "",
    y: "",
    fixedX: true,
    hover: "closest",
    height: [-0.08, 1.08],
    yaxis: { tickvals: [0, 1], ticktext: ["least", "greatest"] },
    xaxis: { type: "category" },
  };
}

function heights(values) {
  const present = values.filter((value) => value !== null && value !== undefined);
  if (present.every((value) => typeof value === "number")) {
    const low = Math.min(...present);
    const span = Math.max(...present) - low;
    const height = (value) => (span ? (value - low) / span : 0.5);
    return values.map((value) => (value === null || value === undefined ? null : height(value)));
  }
  const kinds = [...new Set(present.map((value) => JSON.stringify(value)))].sort();
  return values.map((value) =>
    value === undefined || value === null
      ? null
      : kinds.length > 1
        ? kinds.indexOf(JSON.stringify(value)) / (kinds.length - 1)
        : 0.5,
  );
}
