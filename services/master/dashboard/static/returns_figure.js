// @ts-check
// The returns of an experiment: mean, best so far, quantiles and range in training; tests; target; events in lanes below.

import { faint } from "./colours.js";
import { eventLanes } from "./event_lanes.js";
import { bestSoFar, smooth } from "./series.js";

const MANY_TESTS = 60; // From here on tests are a line with a band: so many error bars would hide everything else.
export const NO_GENERATION = "No generation has been committed yet.";

export function returns({ generations, tests, places, spec, look, direction, words }, palette) {
  if (!generations.generation.length && !tests.generation.length) return NO_GENERATION;
  const traces = [];
  const mean = generations["returns.mean"] ?? [];
  const x = places.training;
  if (mean.length) {
    const quantiles = generations.quantiles ?? [];
    band(
      traces,
      x,
      generations["returns.minimum"],
      generations["returns.maximum"],
      "range",
      palette.training,
      palette.faintBand,
    );
    if (quantiles.some((row) => row?.length)) {
      const at = (place) => quantiles.map((row) => row?.[place] ?? null);
      band(traces, x, at(1), at(9), "10 to 90%", palette.training, palette.band);
    }
    const best = bestSoFar(generations["returns.best_mean"] ?? mean, direction);
    traces.push({
      x,
      y: best,
      name: "best mean so far",
      mode: "lines",
      line: { color: palette.training, width: 1, dash: "dot" },
      hovertemplate: "%{y:.4~g}",
    });
    if (look.smoothing)
      traces.push({
        x,
        y: mean,
        mode: "lines",
        showlegend: false,
        hoverinfo: "skip",
        untold: true,
        line: { color: faint(palette.training, 0.35), width: 1 },
      });
    traces.push({
      x,
      y: smooth(mean, look.smoothing),
      name: "training mean",
      mode: "lines",
      line: { color: palette.training, width: 2 },
      hovertemplate: "%{y:.4~g}",
    });
  }
  testTraces(traces, tests, places.tests, palette, words);
  const events = eventLanes({ generations, tests }, places, palette);
  const wanted = spec.stop.test_return ?? spec.stop.value ?? null;
  const target = look.log && wanted <= 0 ? null : wanted; // A logarithmic axis has no place for it.
  const stages = stageLines(generations, x, palette);
  return {
    traces: [...traces, ...events.traces],
    lanes: events.lanes,
    x: places.title,
    y: words.each,
    log: look.log,
    include: target === null ? [] : [target],
    shapes: [...(target === null ? [] : [level(target, palette.target)]), ...stages],
    annotations:
      target === null
        ? []
        : [
            {
              text: `target ${target}`,
              x: 0,
              xref: "paper",
              y: look.log ? Math.log10(target) : target,
              yanchor: "bottom",
              xanchor: "left",
              showarrow: false,
              font: { color: palette.target },
            },
          ],
  };
}

function testTraces(traces, tests, x, palette, words) {
  const mean = tests["returns.mean"] ?? [];
  if (!mean.length) return;
  const spread = tests["returns.std"];
  const many = mean.length >= MANY_TESTS;
  if (many)
    band(
      traces,
      x,
      mean.map((value, i) => value - spread[i]),
      mean.map((value, i) => value + spread[i]),
      "test ±1 sd",
      palette.test,
      palette.band,
    );
  const episodes = tests.episode_returns ?? [];
  traces.push({
    x,
    y: mean,
    name: many ? "test mean" : "test mean ±1 sd",
    mode: many ? "lines" : "lines+markers",
    error_y: { array: spread, thickness: 1.5, width: 3, color: faint(palette.test, 0.7), visible: !many },
    line: { color: palette.test, width: 1.5 },
    marker: { size: 6 },
    customdata: mean.map((_, i) => episodesText(tests, i, episodes[i], words)),
    hovertemplate: "%{y:.4~g} %{customdata}",
  });
}

/** Every episode of a test, sorted, a few on a line. */
function episodesText(tests, i, episodes, words) {
  const head = `± ${tests["returns.std"][i]}, ${tests.episodes[i]} ${words.episodes}`;
  if (!episodes) return head;
  const sorted = [...episodes].sort((a, b) => b - a).map((value) => value.toPrecision(4));
  const wrapped = [];
  for (let start = 0; start < Math.min(sorted.length, 60); start += 10)
    wrapped.push(sorted.slice(start, start + 10).join(" "));
  return `${head}<br>${wrapped.join("<br>")}${sorted.length > 60 ? " …" : ""}`;
}

function stageLines({ stage = [] }, x, palette) {
  const starts = stage.map((_, i) => i).filter((i) => i > 0 && stage[i] !== stage[i - 1]);
  return starts.map((i) => ({
    type: "line",
    xref: "x",
    yref: "paper",
    x0: x[i],
    x1: x[i],
    y0: 0,
    y1: 1,
    line: { color: palette.muted, width: 1, dash: "dot" },
  }));
}

/** Add a band between two lines. */
export function band(traces, x, low, high, name, colour, opacity) {
  const shared = { x, mode: "lines", line: { width: 0, color: colour }, hoverinfo: "skip", legendgroup: name };
  traces.push(
    { ...shared, y: high, name: `${name}, upper`, showlegend: false },
    { ...shared, y: low, name, fill: "tonexty", fillcolor: faint(colour, opacity) },
  );
}

export const level = (y, color) => ({
  type: "line",
  xref: "paper",
  x0: 0,
  x1: 1,
  y0: y,
  y1: y,
  line: { color, width: 1.5, dash: "dash" },
});
