// @ts-check
// The page of the workers: as they are now, and over the last day.

import { fleetHistory, plan, workers } from "./api.js";
import { byId, element, fillTable, setStatus, setText, show } from "./dom.js";
import { fleetFigures } from "./fleet_figures.js";
import { bytes, count, duration, short } from "./format.js";
import { live } from "./live.js";
import { createPlots } from "./plots.js";
import { createTiles } from "./tiles.js";

const MOST_SAMPLES = 2200; // As many as the master has: a day.
const HEADINGS = [
  "Worker",
  "State",
  "Slots",
  "Busy",
  "Steps / s",
  "Units / s",
  "Pace",
  "Memory",
  "Units",
  "Failures",
  "Last failure",
];
const tiles = createTiles(byId("tiles"));
const plots = createPlots(byId("charts"));
let samples = [];

live(refresh);

async function refresh() {
  const [found, wanted, added] = await Promise.all([workers(), plan(), fleetHistory(samples.at(-1)?.at ?? 0)]);
  const ready = found.filter((worker) => worker.state === "ready");
  const slots = sum(ready, (worker) => worker.info?.slots ?? 0);
  const busy = sum(found, busySlots);
  const steps = sum(found, (worker) => worker.steps_per_second);
  setText(
    byId("summary"),
    `${count(found.length)} worker${found.length === 1 ? "" : "s"} known, ${count(ready.length)} ready: ${wanted.reason}.`,
  );
  tiles.update([
    ["Workers", count(ready.length), `ready, ${count(wanted.desired_workers)} wanted`],
    ["Slots", count(slots), `${count(busy)} busy`],
    ["Steps / s", short(steps), "over the last 10 s"],
    ["Steps / s and slot", short(slots ? steps / slots : null), "the same, by slot"],
    ["Failures", count(sum(found, (worker) => worker.failures)), "units lost, or failures in their answers"],
    [
      "Set aside",
      count(found.filter((worker) => worker.resting_seconds > 0).length),
      "after failing again and again",
    ],
  ]);
  show(byId("empty"), found.length === 0);
  show(byId("table"), found.length > 0);
  fillTable(byId("workers"), HEADINGS, found.map(lineOf));
  if (!added.length && samples.length) return;
  samples = [...samples, ...added].slice(-MOST_SAMPLES);
  await plots.draw(fleetFigures(samples));
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
    worker.memory_bytes === null ? "–" : bytes(worker.memory_bytes),
    count(worker.units),
    count(worker.failures),
    worker.last_error || "–",
  ];
}

const busySlots = (worker) => Math.min(worker.in_flight, worker.info?.slots ?? worker.in_flight);
const sum = (items, value) => items.reduce((total, item) => total + value(item), 0);
