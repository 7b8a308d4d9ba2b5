// @ts-check
// The charts of one experiment: a figure is one function of its history and of how it is looked at.

import { faint } from "./colours.js";
import { NO_GENERATION, returns } from "./returns_figure.js";
import { placesOn, smooth } from "./series.js";
import { wordsOf } from "./words.js";

/** All figures by title, in the order of the page; `look` is { axis, smoothing, log }. */
export function experimentFigures(series, { spec, direction }, look) {
  const words = wordsOf(spec);
  const places = placesOn(look.axis, series, words);
  const { generations, tests } = series;
  const scene = { generations, tests, places, spec, look, direction, words };
  /** @type {Record<string, (palette: any) => any>} */
  const figures = { [words.results]: (palette) => returns(scene, palette) };
  if (generations.quantiles?.some((row) => row?.length))
    figures[`${words.results} of the population`] = (palette) => population(scene, palette);
  for (const [title, names] of Object.entries(strategyPanels(generations))) {
    figures[title] = (palette) =>
      lines(
        scene,
        palette,
        names.map((name) => [told(name), name]),
        { log: isWide(generations, names) },
      );
  }
  if (generations["movement.update_norm"]) {
    figures["Update and mean"] = (palette) =>
      lines(
        scene,
        palette,
        [
          ["length of the update", "movement.update_norm"],
          ["length of the mean", "movement.mean_norm"],
        ],
        { log: true },
      );
    figures.Agreement = (palette) =>
      lines(
        scene,
        palette,
        [
          ["cosine between updates", "movement.update_cosine"],
          ["mirrored members' rank correlation", "movement.mirrored_correlation"],
        ],
        { height: [-1.05, 1.05] },
      );
  }
  if (!spec.objective) figures["Episode length"] = (palette) => lengths(scene, palette);
  figures["Time of a generation"] = (palette) => times(scene, palette);
  figures.Throughput = (palette) => throughput(scene, palette);
  return figures;
}

function population({ generations, places, words }, palette) {
  const rows = generations.quantiles.map((row) => (row?.length ? row : Array(11).fill(null)));
  const shares = Array.from({ length: 11 }, (_, i) => i * 10);
  return {
    traces: [
      {
        type: "heatmap",
        x: places.training,
        y: shares,
        z: shares.map((_, place) => rows.map((row) => row[place])),
        name: words.result,
        colorscale: "Viridis",
        colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: palette.muted } },
        hovertemplate: "%{y}%: %{z:.4~g}<extra></extra>",
        untold: true,
      },
    ],
    x: places.title,
    y: "Quantile (%)",
    height: [-5, 105],
    hover: "closest",
  };
}

/** The strategy's own figures, a panel for each first word: sigma_min and sigma_max share one. */
function strategyPanels(generations) {
  const names = Object.keys(generations)
    .filter((name) => name.startsWith("strategy."))
    .sort();
  const sizes = generations.population_size ?? [];
  if (new Set(sizes.filter((size) => size !== null)).size > 1) names.push("population_size");
  const panels = {};
  for (const name of names) {
    const word = name.replace("strategy.", "").split("_")[0];
    panels[word] ??= [];
    panels[word].push(name);
  }
  return Object.fromEntries(Object.entries(panels).map(([word, group]) => [titleOf(word, group), group]));
}

function titleOf(word, names) {
  if (word === "sigma") return "σ, the step size";
  const title = names.length === 1 ? told(names[0]) : word;
  return title[0].toUpperCase() + title.slice(1);
}

const told = (name) => name.replace("strategy.", "").replaceAll("_", " ");

function lines({ generations, places, look }, palette, columns, { log = false, height = undefined } = {}) {
  if (!generations.generation.length) return NO_GENERATION;
  const traces = columns
    .filter(([, column]) => generations[column]?.some((value) => value !== null))
    .map(([name, column], i) => ({
      x: places.training,
      y: smooth(generations[column], look.smoothing),
      name,
      mode: "lines",
      line: { color: palette.series[i], width: 1.5 },
      hovertemplate: "%{y:.4~g}",
    }));
  return traces.length
    ? { traces, x: places.title, y: "", log, height }
    : "Nothing of this is recorded of these generations.";
}

/** Whether positive figures span more than a linear axis shows. */
function isWide(generations, names) {
  const values = names.flatMap((name) => generations[name]).filter((value) => value !== null);
  const low = values.reduce((a, b) => Math.min(a, b), Infinity);
  const high = values.reduce((a, b) => Math.max(a, b), -Infinity);
  return low > 0 && high / low > 20;
}

function lengths({ generations, tests, places, look }, palette) {
  if (!generations.generation.length) return NO_GENERATION;
  const traces = [
    {
      x: places.training,
      y: smooth(generations.mean_length, look.smoothing),
      name: "training",
      mode: "lines",
      line: { color: palette.training, width: 2 },
      hovertemplate: "%{y:,.0f}",
    },
  ];
  if (generations.episode_cap?.some((cap) => cap !== null)) {
    traces.push({
      x: places.training,
      y: generations.episode_cap,
      name: "cap",
      mode: "lines",
      line: { color: palette.target, width: 1.5, dash: "dot", shape: "hv" },
      hovertemplate: "%{y:,.0f}",
    });
  }
  if (tests.generation.length) {
    traces.push({
      x: places.tests,
      y: tests.mean_length,
      name: "test",
      mode: "lines+markers",
      marker: { size: 5 },
      line: { color: palette.test, width: 1.5 },
      hovertemplate: "%{y:,.0f}",
    });
  }
  return { traces, x: places.title, y: "Steps", fromZero: true };
}

/** Seconds of a generation: ask, rollouts, tell, and the rest between two, which is tests and commits. */
function times({ generations, places }, palette) {
  if (!generations.generation.length) return NO_GENERATION;
  const {
    elapsed_seconds: elapsed,
    generation,
    generation_seconds: whole,
    master_seconds: master,
    ask_seconds: asks = [],
  } = generations;
  const ask = master.map((seconds, i) => asks[i] ?? seconds);
  const parts = {
    ask,
    rollouts: whole.map((seconds, i) => Math.max(0, seconds - master[i])),
    tell: master.map((seconds, i) => Math.max(0, seconds - ask[i])),
    "tests, commit, idle": whole.map((seconds, i) =>
      Math.max(0, (elapsed[i] - (elapsed[i - 1] ?? 0)) / (generation[i] - (generation[i - 1] ?? 0)) - seconds),
    ),
  };
  const traces = Object.entries(parts).map(([name, y], i) => ({
    x: places.training,
    y,
    name,
    stackgroup: "time",
    mode: "lines",
    line: { width: 0.5, color: palette.series[i] },
    fillcolor: faint(palette.series[i], 0.5),
    hovertemplate: "%{y:.3~g} s",
  }));
  return { traces, x: places.title, y: "Seconds", fromZero: true };
}

function throughput({ generations, places, look, words }, palette) {
  if (!generations.generation.length) return NO_GENERATION;
  const { environment_steps: steps, elapsed_seconds: elapsed } = generations;
  const rate = steps.map((value, i) => {
    const seconds = elapsed[i] - (elapsed[i - 1] ?? 0);
    return seconds > 0 ? (value - (steps[i - 1] ?? 0)) / seconds : null;
  });
  const traces = [
    {
      x: places.training,
      y: smooth(rate, look.smoothing),
      name: `${words.steps.toLowerCase()} / s`,
      mode: "lines",
      line: { color: palette.training, width: 1.5 },
      fill: "tozeroy",
      fillcolor: faint(palette.training, 0.12),
      hovertemplate: "%{y:,.0f}",
    },
  ];
  return { traces, x: places.title, y: `${words.stepsAxis} / s`, fromZero: true };
}
