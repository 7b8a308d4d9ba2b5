// @ts-check
// Parallel coordinates: one line a run over its settings and its score, each axis with its own least and greatest.

import { shownValue } from "./differences.js";
import { plain } from "./format.js";
import { told } from "./plot_table.js";

const MOST_AXES = 7;
const LONGEST_LABEL = 16;

/** `changed` is what `differences` found of the experiments' specifications; a run has its group's colour. */
export function parallel(experiments, groups, changed, palette) {
  const shared = changed.filter(
    ([field, ...values]) => field !== "seed" && values.every((value) => value !== undefined),
  );
  const scores = ["best test", ...experiments.map((one) => one.best_test_return)];
  const axes = [...shared.slice(0, MOST_AXES), scores].map(([field, ...values]) => axisOf(field, values));
  const traces = experiments.map(({ name, id }, i) => ({
    x: axes.map((_, place) => place),
    y: axes.map(({ heights }) => heights[i]),
    name: plain(`${name} ${id.slice(-6)}`),
    mode: "lines+markers",
    line: { color: colourOf(id, groups, palette), width: 1.5 },
    marker: { size: 7 },
    connectgaps: true,
    showlegend: false,
    text: axes.map(({ field, values }) => plain(`${field}: ${shownValue(values[i])}`)),
    hovertemplate: "%{text}",
  }));
  return {
    traces,
    x: "",
    y: "",
    fixedX: true,
    hover: "closest",
    height: [-0.1, 1.1],
    shapes: axes.map((_, place) => bar(place, palette)),
    annotations: axes.flatMap(({ labels }, place) =>
      labels.map(([text, height]) => mark(place, height, text, palette)),
    ),
    yaxis: { showticklabels: false, showgrid: false },
    xaxis: {
      tickvals: axes.map((_, place) => place),
      ticktext: axes.map(({ field }) => field.split(".").slice(-2).join(".")),
      range: [-0.2, axes.length - 0.45],
      autorange: false,
      showgrid: false,
    },
    table: [
      ["Run", ...axes.map(({ field }) => field)],
      experiments.map(({ id }, i) => [id, ...axes.map(({ values }) => tell(values[i]))]),
    ],
  };
}

const tell = (value) => (typeof value === "number" ? told(value) : shownValue(value));

function colourOf(id, groups, palette) {
  const place = groups.findIndex(({ runs }) => runs.includes(id));
  return palette.series[Math.max(0, place) % palette.series.length];
}

/** Where each value stands, from 0 to 1, and what stands at which height: [[text, height], …]. */
function axisOf(field, values) {
  const present = values.filter((value) => value !== null && value !== undefined);
  if (present.every((value) => typeof value === "number")) {
    const [low, high] = [Math.min(...present), Math.max(...present)];
    const height = (value) => (high > low ? (value - low) / (high - low) : 0.5);
    const ends = [...new Set([low, high])].filter(Number.isFinite);
    return {
      field,
      values,
      heights: heightsOf(values, height),
      labels: ends.map((end) => [told(end), height(end)]),
    };
  }
  const kinds = [...new Set(present.map(shownValue))].sort();
  const height = (value) => (kinds.length > 1 ? kinds.indexOf(shownValue(value)) / (kinds.length - 1) : 0.5);
  const labels = kinds.map((kind, i) => [shortened(kind), kinds.length > 1 ? i / (kinds.length - 1) : 0.5]);
  return { field, values, heights: heightsOf(values, height), labels };
}

const heightsOf = (values, height) => values.map((value) => (value == null ? null : height(value)));
const shortened = (text) => (text.length > LONGEST_LABEL ? `${text.slice(0, LONGEST_LABEL - 1)}…` : text);

const bar = (x, palette) => ({
  type: "line",
  x0: x,
  x1: x,
  y0: 0,
  y1: 1,
  layer: "below",
  line: { color: palette.muted, width: 1 },
});

const mark = (x, y, text, palette) => ({
  x,
  y,
  text: plain(text),
  showarrow: false,
  xanchor: "left",
  xshift: 7,
  font: { size: 11, color: palette.muted },
  bgcolor: palette.card,
  opacity: 0.9,
});
