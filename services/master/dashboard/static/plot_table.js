// @ts-check
// The figures of a chart as a table, for whoever does not see it: of its traces, or [headings, lines] of its own.

import { element, makeTable } from "./dom.js";

const ROWS = 30;

/** A table that opens by a press: { node, update(figure) }, the last figures first. */
export function createTable(name) {
  const node = element("details", { className: "figures" }, element("summary", { textContent: "As a table" }));
  let figure = null;
  let filled = null;

  function fill() {
    if (!node.open || figure === filled) return;
    filled = figure;
    node.replaceChildren(
      node.firstElementChild,
      element("div", { className: "scroll", tabIndex: 0 }, tableOf(name, figure)),
    );
  }

  node.addEventListener("toggle", fill);
  return {
    node,
    update(next) {
      figure = next;
      fill();
    },
  };
}

function tableOf(name, figure) {
  if (figure.table) return makeTable(name, ...figure.table);
  const shown = figure.traces.filter((trace) => trace.y && !trace.untold);
  const places = [...new Set(shown.flatMap((trace) => trace.x))].sort((a, b) => (a > b ? -1 : 1)).slice(0, ROWS);
  const columns = shown.map((trace) => new Map(trace.x.map((x, i) => [x, (trace.told ?? trace.y)[i]])));
  const lines = places.map((x) => [told(x), ...columns.map((column) => told(column.get(x)))]);
  return makeTable(name, [figure.x || "At", ...shown.map((trace) => trace.name ?? figure.y)], lines);
}

/** A figure in a table, to six digits. */
export const told = (value) =>
  value === null || value === undefined
    ? "–"
    : typeof value === "number"
      ? String(Number(value.toPrecision(6)))
      : String(value);
