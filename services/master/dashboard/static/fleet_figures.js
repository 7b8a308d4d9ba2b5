// @ts-check
// The charts of the fleet over time, and how its speed grows with its size.

import { faint } from "./colours.js";

const FULL = 0.8; // Of the slots: with more of them idle, a sample says nothing about speed.

/** All figures by title; `samples` are those of the master, oldest first. */
export function fleetFigures(samples) {
  return {
    "Environment steps / s": (palette) => speed(samples, palette),
    Workers: (palette) => workers(samples, palette),
    Slots: (palette) => slots(samples, palette),
    Memory: (palette) => memory(samples, palette),
    "Speed by size": (palette) => speedUp(samples, palette),
  };
}

const frame = { x: "", fixedX: true, fromZero: true, xaxis: { type: "date" } };

function line(samples, name, key, colour, extra = {}) {
  return {
    x: samples.map(({ at }) => localTime(at)),
    y: samples.map((sample) => sample[key]),
    name,
    mode: samples.length > 1 ? "lines" : "markers",
    line: { color: colour, width: 2 },
    marker: { color: colour },
    hovertemplate: "%{y:,.0f}",
    ...extra,
  };
}

/** Seconds since 1970 as a date in the reader's own time zone, which plotly.js knows nothing of. */
function localTime(seconds) {
  const shift = new Date(seconds * 1000).getTimezoneOffset() * 60;
  return new Date((seconds - shift) * 1000).toISOString().slice(0, 19);
}

/** Whole numbers only, where there are few. */
const whole = (samples, key) => ({ dtick: samples.every((sample) => sample[key] < 8) ? 1 : undefined });

const limit = (palette) => ({ line: { color: palette.target, width: 1.5, dash: "dash", shape: "hv" } });

function speed(samples, palette) {
  const area = { fill: "tozeroy", fillcolor: faint(palette.training, 0.12) };
  return {
    ...frame,
    y: "Steps / s",
    traces: [line(samples, "steps / s", "steps_per_second", palette.training, area)],
  };
}

function workers(samples, palette) {
  return {
    ...frame,
    y: "Workers",
    yaxis: whole(samples, "desired"),
    traces: [
      line(samples, "ready", "ready", palette.training),
      line(samples, "wanted", "desired", palette.target, limit(palette)),
      line(samples, "not ready", "others", palette.bad),
      line(samples, "set aside", "set_aside", palette.series[3]),
    ],
  };
}

function slots(samples, palette) {
  return {
    ...frame,
    y: "Slots",
    yaxis: whole(samples, "slots"),
    traces: [
      line(samples, "busy", "busy", palette.training),
      line(samples, "draining", "draining", palette.series[3]),
      line(samples, "of those ready", "slots", palette.target, limit(palette)),
    ],
  };
}

function memory(samples, palette) {
  if (samples.every(({ memory_bytes: taken }) => taken === null))
    return "No worker says how much memory it takes.";
  const taken = line(samples, "workers and their slots", "memory_bytes", palette.training, {
    hovertemplate: "%{y:.3~s}B",
  });
  return { ...frame, y: "Resident memory", yaxis: { ticksuffix: "B" }, traces: [taken] };
}

/** The median speed at each number of workers, beside what the smallest fleet's speed a worker would come to. */
function speedUp(samples, palette) {
  const bySize = Map.groupBy(
    samples.filter(({ ready, busy, slots: all, steps_per_second: pace }) => ready && pace && busy >= FULL * all),
    ({ ready }) => ready,
  );
  if (!bySize.size) return "Nothing has trained since the master began.";
  const sizes = [...bySize.keys()].sort((a, b) => a - b);
  const paces = sizes.map((size) => median(bySize.get(size).map(({ steps_per_second: pace }) => pace)));
  const each = paces[0] / sizes[0];
  return {
    traces: [
      {
        x: [0, ...sizes],
        y: [0, ...sizes.map((size) => size * each)],
        name: "in proportion",
        mode: "lines",
        line: { color: palette.target, width: 1.5, dash: "dash" },
        hovertemplate: "%{y:,.0f}",
      },
      {
        x: sizes,
        y: paces,
        name: "measured, median",
        mode: "lines+markers",
        marker: { size: 8 },
        line: { color: palette.training, width: 2 },
        hovertemplate: "%{y:,.0f}",
      },
    ],
    x: "Workers, with most slots busy",
    y: "Steps / s",
    fixedX: true,
    fromZero: true,
    xaxis: { range: [0, sizes.at(-1) + 0.5], autorange: false, dtick: sizes.at(-1) < 12 ? 1 : undefined },
  };
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
