// @ts-check
// The charts of several runs: their tests over what was used, their ends, and their settings side by side.

import { plain } from "./format.js";
import { parallel } from "./parallel_figure.js";
import { told } from "./plot_table.js";
import { band } from "./returns_figure.js";
import { wordsOfAll } from "./words.js";

const TITLES = {
  generation: "Generation",
  elapsed_seconds: "Training time (seconds)",
  core_hours: "Core-hours",
};

/** `changed` is what `differences` found of the experiments' specifications. */
export function comparisonFigures({ against, groups }, experiments, changed) {
  const words = wordsOfAll(experiments.map(({ spec }) => spec));
  const title = against === "environment_steps" ? words.stepsAxis : TITLES[against];
  const counted = groups.map((group) => ({ ...group, tested: group.finals.length }));
  /** @type {Record<string, (palette: any) => any>} */
  const figures = {
    [`Test ${words.result}`]: (palette) => curves(counted, title, palette, words),
    "Last test of each run": (palette) => finals(groups, palette, words),
  };
  if (changed.length && experiments.length > 1)
    figures["Settings and best test"] = (palette) => parallel(experiments, groups, changed, palette);
  return figures;
}

/** A line for each group, with its interval where `tested`, how many of its runs are in the line, is above one. */
export function curves(groups, title, palette, words) {
  const drawn = groups.filter(({ x }) => x.length);
  if (!drawn.length) return "None of these runs has been tested yet.";
  const traces = [];
  for (const [i, { group, tested, x, mean, low, high }] of drawn.entries()) {
    const colour = palette.series[i % palette.series.length];
    if (tested > 1) {
      band(traces, x, low, high, plain(`${group}, 95% interval`), colour, palette.faintBand);
      for (const edge of traces.slice(-2)) Object.assign(edge, { showlegend: false, legendgroup: group });
    }
    const name = plain(tested > 1 ? `${group} (${tested} runs)` : group);
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

/** The last tests, a line of marks for each group: its runs' spread is seen where a group has several. */
function finals(groups, palette, words) {
  const tested = groups.filter(({ finals: scores }) => scores.length);
  if (!tested.length) return "None of these runs has been tested yet.";
  const title = `Last test ${words.result}`;
  const traces = tested.map(({ group, finals: scores }, i) => ({
    x: scores,
    y: scores.map(() => plain(group)),
    name: plain(group),
    mode: "markers",
    showlegend: false,
    marker: { size: 10, opacity: 0.75, color: palette.series[groups.indexOf(tested[i]) % 8] },
    hovertemplate: "%{x:.4~g}",
  }));
  return {
    traces,
    x: title,
    y: "",
    fixedX: true,
    hover: "closest",
    height: [tested.length - 0.5, -0.5],
    yaxis: { type: "category", ticklabelstandoff: 6 },
    table: [
      ["", title],
      tested.flatMap(({ group, finals: scores }) => scores.map((value) => [group, told(value)])),
    ],
  };
}
