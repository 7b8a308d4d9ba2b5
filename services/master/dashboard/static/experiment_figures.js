// @ts-check
// The charts of one experiment: a figure is one function of its history and of how it is looked at.

import { faint } from "./colours.js";
import { bestSoFar, placesOn, smooth } from "./series.js";

const MANY_TESTS = 60; // From here on tests are a line with a band: so many error bars would hide everything else.
const NO_GENERATION = "No generation has been committed yet.";

/** All figures by title, in the order of the page; `look` is { axis, smoothing, log }. */
export function experimentFigures(series, spec, look) {
  const places = placesOn(look.axis, series);
  const { generations, tests } = series;
  const scene = { series, generations, tests, places, spec, look };
  const figures = { Returns: (palette) => returns(scene, palette) };
  if (generations.quantiles?.some((row) => row?.length)) figures["Returns of the population"] = (palette) => population(scene, palette);
  for (const [title, names] of Object.entries(strategyPanels(generations))) {
    figures[title] = (palette) => lines(scene, palette, names.map((name) => [told(name), name]), { log: isWide(generations, names) });
  }
  if (generations["movement.update_norm"]) {
    figures["Update and mean"] = (palette) => lines(scene, palette, [["length of the update", "movement.update_norm"], ["length of the mean", "movement.mean_norm"]], { log: true });
    figures["Agreement"] = (palette) =>
      lines(scene, palette, [["cosine between updates", "movement.update_cosine"], ["mirrored members' rank correlation", "movement.mirrored_correlation"]], { height: [-1.05, 1.05] });
  }
  figures["Episode length"] = (palette) => lengths(scene, palette);
  figures["Time of a generation"] = (palette) => times(scene, palette);
  figures.Throughput = (palette) => throughput(scene, palette);
  return figures;
}

function returns({ series, generations, tests, places, spec, look }, palette) {
  if (!generations.generation.length && !tests.generation.length) return NO_GENERATION;
  const traces = [];
  const mean = generations["returns.mean"] ?? [];
  const x = places.training;
  if (mean.length) {
    const quantiles = generations.quantiles ?? [];
    band(traces, x, generations["returns.minimum"], generations["returns.maximum"], "range", palette.training, palette.faintBand);
    if (quantiles.some((row) => row?.length)) {
      const at = (place) => quantiles.map((row) => row?.[place] ?? null);
      band(traces, x, at(1), at(9), "10 to 90%", palette.training, palette.band);
    }
    const best = bestSoFar(generations["returns.best_mean"] ?? mean);
    traces.push({ x, y: best, name: "best mean so far", mode: "lines", line: { color: palette.training, width: 1, dash: "dot" }, hovertemplate: "%{y:.4~g}" });
    if (look.smoothing) traces.push({ x, y: mean, mode: "lines", showlegend: false, hoverinfo: "skip", untold: true, line: { color: faint(palette.training, 0.35), width: 1 } });
    traces.push({ x, y: smooth(mean, look.smoothing), name: "training mean", mode: "lines", line: { color: palette.training, width: 2 }, hovertemplate: "%{y:.4~g}" });
  }
  testTraces(traces, tests, places.tests, palette);
  marks(traces, series, places, palette);
  const target = spec.stop.test_return;
  const stages = stageLines(generations, x, palette);
  return {
    traces, x: places.title, y: "Return per episode", log: look.log, include: target === null ? [] : [target],
    shapes: [...(target === null ? [] : [level(target, palette.target)]), ...stages],
    annotations: target === null ? [] : [{ text: `target ${target}`, x: 0, xref: "paper", y: look.log ? Math.log10(target) : target, yanchor: "bottom", xanchor: "left", showarrow: false, font: { color: palette.target } }],
  };
}

function testTraces(traces, tests, x, palette) {
  const mean = tests["returns.mean"] ?? [];
  if (!mean.length) return;
  const spread = tests["returns.std"];
  const many = mean.length >= MANY_TESTS;
  if (many) band(traces, x, mean.map((value, i) => value - spread[i]), mean.map((value, i) => value + spread[i]), "test ±1 sd", palette.test, palette.band);
  const episodes = tests.episode_returns ?? [];
  traces.push({
    x, y: mean, name: many ? "test mean" : "test mean ±1 sd", mode: many ? "lines" : "lines+markers",
    error_y: { array: spread, thickness: 1.5, width: 3, color: faint(palette.test, 0.7), visible: !many },
    line: { color: palette.test, width: 1.5 }, marker: { size: 6 },
    customdata: mean.map((_, i) => episodesText(tests, i, episodes[i])), hovertemplate: "%{y:.4~g} %{customdata}",
  });
}

/** Every episode of a test, sorted, a few on a line. */
function episodesText(tests, i, episodes) {
  const head = `± ${tests["returns.std"][i]}, ${tests.episodes[i]} episodes`;
  if (!episodes) return head;
  const sorted = [...episodes].sort((a, b) => b - a).map((value) => value.toPrecision(4));
  const wrapped = [];
  for (let start = 0; start < Math.min(sorted.length, 60); start += 10) wrapped.push(sorted.slice(start, start + 10).join(" "));
  return `${head}<br>${wrapped.join("<br>")}${sorted.length > 60 ? " …" : ""}`;
}

/** Events as marks on the curve of the mean. */
function marks(traces, { generations, tests }, places, palette) {
  const mean = generations["returns.mean"] ?? [];
  const add = (name, columns, x, y, test, symbol, color) => {
    const at = columns.generation.map((_, i) => i).filter(test);
    if (at.length) traces.push({ x: at.map((i) => x[i]), y: at.map((i) => y[i]), name, mode: "markers", marker: { symbol, size: 9, color }, hovertemplate: name });
  };
  add("member given up", generations, places.training, mean, (i) => generations.failed_members?.[i] > 0, "x", palette.bad);
  add("rollouts run again", generations, places.training, mean, (i) => generations.retried_rollouts?.[i] > 0, "triangle-up-open", palette.muted);
  const back = tests["retraining.best_generation"] ?? [];
  add("went back", tests, places.tests, tests["returns.mean"] ?? [], (i) => back[i] != null, "triangle-left", palette.bad);
}

function stageLines({ stage = [] }, x, palette) {
  const starts = stage.map((_, i) => i).filter((i) => i > 0 && stage[i] !== stage[i - 1]);
  return starts.map((i) => ({ type: "line", xref: "x", yref: "paper", x0: x[i], x1: x[i], y0: 0, y1: 1, line: { color: palette.muted, width: 1, dash: "dot" } }));
}

function population({ generations, places }, palette) {
  const rows = generations.quantiles.map((row) => (row?.length ? row : Array(11).fill(null)));
  const shares = Array.from({ length: 11 }, (_, i) => i * 10);
  return {
    traces: [{
      type: "heatmap", x: places.training, y: shares, z: shares.map((_, place) => rows.map((row) => row[place])), name: "return", colorscale: "Viridis",
      colorbar: { thickness: 10, outlinewidth: 0, tickfont: { color: palette.muted } }, hovertemplate: "%{y}%: %{z:.4~g}<extra></extra>", untold: true,
    }],
    x: places.title, y: "Quantile (%)", height: [-5, 105], hover: "closest",
  };
}

/** The strategy's own figures, a panel for each first word: sigma_min and sigma_max share one. */
function strategyPanels(generations) {
  const names = Object.keys(generations).filter((name) => name.startsWith("strategy.")).sort();
  const sizes = generations.population_size ?? [];
  if (new Set(sizes.filter((size) => size !== null)).size > 1) names.push("population_size");
  const panels = {};
  for (const name of names) {
    (panels[name.replace("strategy.", "").split("_")[0]] ??= []).push(name);
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
      x: places.training, y: smooth(generations[column], look.smoothing), name, mode: "lines", line: { color: palette.series[i], width: 1.5 }, hovertemplate: "%{y:.4~g}",
    }));
  return traces.length ? { traces, x: places.title, y: "", log, height } : "Nothing of this is recorded of these generations.";
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
  const traces = [{ x: places.training, y: smooth(generations.mean_length, look.smoothing), name: "training", mode: "lines", line: { color: palette.training, width: 2 }, hovertemplate: "%{y:,.0f}" }];
  if (generations.episode_cap?.some((cap) => cap !== null)) {
    traces.push({ x: places.training, y: generations.episode_cap, name: "cap", mode: "lines", line: { color: palette.target, width: 1.5, dash: "dot", shape: "hv" }, hovertemplate: "%{y:,.0f}" });
  }
  if (tests.generation.length) {
    traces.push({ x: places.tests, y: tests.mean_length, name: "test", mode: "lines+markers", marker: { size: 5 }, line: { color: palette.test, width: 1.5 }, hovertemplate: "%{y:,.0f}" });
  }
  return { traces, x: places.title, y: "Steps", fromZero: true };
}

/** Seconds of a generation: ask, rollouts, tell, and the rest between two, which is tests and commits. */
function times({ generations, places }, palette) {
  if (!generations.generation.length) return NO_GENERATION;
  const { elapsed_seconds: elapsed, generation, generation_seconds: whole, master_seconds: master, ask_seconds: asks = [] } = generations;
  const ask = master.map((seconds, i) => asks[i] ?? seconds);
  const parts = {
    ask,
    rollouts: whole.map((seconds, i) => Math.max(0, seconds - master[i])),
    tell: master.map((seconds, i) => Math.max(0, seconds - ask[i])),
    "tests, commit, idle": whole.map((seconds, i) => Math.max(0, (elapsed[i] - (elapsed[i - 1] ?? 0)) / (generation[i] - (generation[i - 1] ?? 0)) - seconds)),
  };
  const traces = Object.entries(parts).map(([name, y], i) => ({
    x: places.training, y, name, stackgroup: "time", mode: "lines", line: { width: 0.5, color: palette.series[i] }, fillcolor: faint(palette.series[i], 0.5), hovertemplate: "%{y:.3~g} s",
  }));
  return { traces, x: places.title, y: "Seconds", fromZero: true };
}

function throughput({ generations, places, look }, palette) {
  if (!generations.generation.length) return NO_GENERATION;
  const { environment_steps: steps, elapsed_seconds: elapsed } = generations;
  const rate = steps.map((value, i) => {
    const seconds = elapsed[i] - (elapsed[i - 1] ?? 0);
    return seconds > 0 ? (value - (steps[i - 1] ?? 0)) / seconds : null;
  });
  const traces = [{ x: places.training, y: smooth(rate, look.smoothing), name: "steps / s", mode: "lines", line: { color: palette.training, width: 1.5 }, fill: "tozeroy", fillcolor: faint(palette.training, 0.12), hovertemplate: "%{y:,.0f}" }];
  return { traces, x: places.title, y: "Environment steps / s", fromZero: true };
}

/** Add a band between two lines. */
export function band(traces, x, low, high, name, colour, opacity) {
  const shared = { x, mode: "lines", line: { width: 0, color: colour }, hoverinfo: "skip", legendgroup: name };
  traces.push({ ...shared, y: high, name: `${name}, upper`, showlegend: false }, { ...shared, y: low, name, fill: "tonexty", fillcolor: faint(colour, opacity) });
}

export const level = (y, color) => ({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { color, width: 1.5, dash: "dash" } });
