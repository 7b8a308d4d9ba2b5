// @ts-check
// The page of the workers: as they are now, and over the time that this page has been open.

import { plan, workers } from "./api.js";
import { faint } from "./colours.js";
import { byId, element, fillTable, setStatus, setText, show } from "./dom.js";
import { count, duration, short } from "./format.js";
import { live } from "./live.js";
import { createPlots } from "./plots.js";
import { createTiles } from "./tiles.js";

const MOST_SAMPLES = 1800; // An hour of looks.
const HEADINGS = [
  "Worker",
  "State",
  "Slots",
  "Busy",
  "Steps / s",
  "Units / s",
  "Pace",
  "Units",
  "Failures",
  "Last failure",
];
const tiles = createTiles(byId("tiles"));
const plots = createPlots(byId("charts"));
const samples = [];

live(refresh);

async function refresh() {
  const [found, wanted] = await Promise.all([workers(), plan()]);
  const ready = found.filter((worker) => worker.state === "ready");
  const slots = sum(ready, (worker) => worker.info?.slots ?? 0);
  const sample = {
    at: new Date().toISOString(),
    ready: ready.length,
    others: found.length - ready.length,
    desired: wanted.desired_workers,
    steps: sum(found, (worker) => worker.steps_per_second),
    busy: sum(found, busySlots),
    slots,
  };
  samples.push(sample);
  if (samples.length > MOST_SAMPLES) samples.shift();
  setText(
    byId("summary"),
    `${count(found.length)} worker${found.length === 1 ? "" : "s"} known, ${count(ready.length)} ready. ${wanted.reason}`,
  );
  tiles.update([
    ["Workers", `${count(ready.length)} of ${count(wanted.desired_workers)}`, "ready, of those wanted"],
    ["Slots", count(slots), `${count(sample.busy)} busy`],
    ["Steps / s", short(sample.steps), "over the last 10 s"],
    ["Steps / s and slot", short(slots ? sample.steps / slots : null), "the same, by slot"],
    ["Failures", count(sum(found, (worker) => worker.failures)), "units lost, or failures in their answers"],
    [
      "Set aside",
      count(found.filter((worker) => worker.resting_seconds > 0).length),
      "after failing again and again",
    ],
  ]);
  show(byId("empty"), found.length === 0);
  show(byId("table"), found.length > 0);
  const table = byId("workers");
  // A table under a pointer or the keyboard's focus stays as it is for the moment.
  if (!table.contains(document.activeElement)) fillTable(table, HEADINGS, found.map(lineOf));
  await plots.draw({ "Environment steps / s": speeds, Workers: sizes, Slots: slotUse });
}

function lineOf(worker) {
  const state = element("span", { className: "pill" });
  setStatus(state, worker.state);
  const aside = worker.resting_seconds > 0 ? `, set aside for ${duration(worker.resting_seconds)}` : "";
  const unused = worker.not_used_by.length
    ? `, not used by ${worker.not_used_by.join(", ")}: another kind of machine`
    : "";
  const note = element("small", {
    className: "muted",
    title: worker.placement,
    textContent: `${aside}${unused}`.replace(/^, /, ""),
  });
  return [
    element(
      "div",
      {},
      element("code", { textContent: worker.url }),
      element("br"),
      element("small", { className: "muted", textContent: worker.info?.cpu ?? "" }),
    ),
    element("div", {}, state, " ", note),
    count(worker.info?.slots),
    count(busySlots(worker)),
    short(worker.steps_per_second),
    worker.units_per_second.toFixed(1),
    Math.abs(worker.slowness - 1) < 0.05 ? "typical" : `takes ${worker.slowness.toFixed(1)}× as long`,
    count(worker.units),
    count(worker.failures),
    worker.last_error || "–",
  ];
}

const busySlots = (worker) => Math.min(worker.in_flight, worker.info?.slots ?? worker.in_flight);
const sum = (items, value) => items.reduce((total, item) => total + value(item), 0);

function over(name, key, colour, extra = {}) {
  return {
    x: samples.map(({ at }) => at),
    y: samples.map((sample) => sample[key]),
    name,
    mode: samples.length > 1 ? "lines" : "markers",
    line: { color: colour, width: 2 },
    marker: { color: colour },
    ...extra,
  };
}

const frame = { x: "since this page was opened", fixedX: true, fromZero: true, xaxis: { type: "date" } };

function speeds(palette) {
  return {
    ...frame,
    y: "Steps / s",
    traces: [
      over("steps / s", "steps", palette.training, {
        fill: "tozeroy",
        fillcolor: faint(palette.training, 0.12),
        hovertemplate: "%{y:,.0f}",
      }),
    ],
  };
}

function sizes(palette) {
  return {
    ...frame,
    y: "Workers",
    traces: [
      over("ready", "ready", palette.training),
      over("wanted", "desired", palette.target, {
        line: { color: palette.target, width: 1.5, dash: "dash", shape: "hv" },
      }),
      over("not ready", "others", palette.bad),
    ],
  };
}

function slotUse(palette) {
  return {
    ...frame,
    y: "Slots",
    traces: [
      over("busy", "busy", palette.training),
      over("all", "slots", palette.target, {
        line: { color: palette.target, width: 1.5, dash: "dash", shape: "hv" },
      }),
    ],
  };
}
