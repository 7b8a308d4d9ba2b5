// @ts-check
// A grid of charts on plotly.js: one zoom for all of them, heights fitted to what is in view, and a table for each.

import { colours, dark } from "./colours.js";
import { element, makeTable, setText, show } from "./dom.js";

/** plotly.js is a script of its own, which takes a while to begin: nothing but charts waits for it. */
const loading = new Promise((resolve, reject) => {
  const script = element("script", { src: new URL("./plotly-cartesian.min.js", import.meta.url).href });
  script.addEventListener("load", () => resolve(/** @type {any} */ (globalThis).Plotly));
  script.addEventListener("error", () => reject(new Error("plotly.js could not be loaded")));
  document.head.append(script);
});
loading.catch(() => {}); // whoever draws is told
const CONFIG = {
  displaylogo: false,
  doubleClick: false,
  // A list of our own, so that plotly.js adds no button that sends data to its cloud.
  modeBarButtons: [["toImage", "zoom2d", "pan2d"]],
  plotlyServerURL: "",
};
const ROWS = 30;
const NEAR_PX = 300; // A chart is drawn once it is so near to what is seen.

/**
 * A figure is { traces, y, log, bars, shapes, x }: `traces` as plotly.js has them, `y` the vertical axis' title, `x` the
 * horizontal one's. A `build(colours)` returns it, or a text that says why there is none.
 */
export function createPlots(container, { linked = true, onZoom = (_window) => {} } = {}) {
  const cards = new Map();
  let zoom = null; // [from, to] of the horizontal axis, or null: all of it
  const approaching = new IntersectionObserver(paintStale, { rootMargin: `${NEAR_PX}px` });

  // Its place may change without the window: plotly.js would not notice.
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries)
      if (target.clientWidth) /** @type {any} */ (globalThis).Plotly.Plots.resize(target);
  });

  /** Draw those that are in view, or near it; the others follow when they come there. */
  async function draw(figures) {
    for (const [name, build] of Object.entries(figures)) {
      if (!cards.has(name)) cards.set(name, addCard(name));
      Object.assign(cards.get(name), { build, stale: true });
    }
    for (const [name, card] of cards) show(card.node, name in figures);
    await paintStale();
  }

  async function paintStale() {
    const near = [...cards.values()].filter((card) => card.stale && isNear(card.node));
    if (near.length) await loading;
    await Promise.all(near.filter((card) => card.stale).map(paint));
  }

  function addCard(name) {
    const title = element("h3", { id: `chart-${cards.size}`, textContent: name });
    const plot = element("div", { className: "plot" });
    const why = element("p", { className: "muted nothing", hidden: true });
    const table = element("details", { className: "figures" }, element("summary", { textContent: "As a table" }));
    const node = element(
      "section",
      { className: cards.size === 0 ? "card chart large" : "card chart" },
      title,
      why,
      plot,
      table,
    );
    node.setAttribute("aria-labelledby", title.id);
    plot.setAttribute("role", "figure");
    plot.tabIndex = 0;
    container.append(node);
    approaching.observe(node);
    const card = { name, node, plot, why, table, build: null, stale: false, figure: null, listens: false };
    table.addEventListener("toggle", () => table.open && card.figure && fillFigures(card));
    return card;
  }

  async function paint(card) {
    card.stale = false;
    const { Plotly } = /** @type {any} */ (globalThis);
    const palette = colours();
    const figure = card.build(palette);
    const text = typeof figure === "string" ? figure : null;
    setText(card.why, text);
    show(card.why, text !== null);
    show(card.plot, text === null);
    show(card.table, text === null);
    if (text !== null) return;
    card.figure = figure;
    const keys = figure.fixedX ? "" : " + and − zoom, arrows move, 0 shows all;";
    card.plot.setAttribute("aria-label", `${card.name}: a chart;${keys} its figures follow as a table`);
    await Plotly.react(card.plot, figure.traces, layoutOf(figure, palette, hiddenOf(card.plot), zoom), CONFIG);
    if (card.table.open) fillFigures(card);
    if (!card.listens) listen(card);
  }

  function listen(card) {
    card.listens = true;
    sizes.observe(card.plot);
    card.plot.on("plotly_relayout", (change) => {
      const from = change["xaxis.range[0]"] ?? change["xaxis.range"]?.[0];
      const to = change["xaxis.range[1]"] ?? change["xaxis.range"]?.[1];
      if (from !== undefined && to !== undefined) zoomTo([Number(from), Number(to)], card);
    });
    card.plot.on("plotly_doubleclick", () => zoomTo(null, card));
    card.plot.on("plotly_restyle", () => fit(card));
    card.plot.addEventListener("keydown", (event) => {
      if (event.target !== card.plot || card.figure.fixedX || event.ctrlKey || event.metaKey || event.altKey)
        return;
      const next = moved(zoom ?? card.plot.layout.xaxis.range.map(Number), event.key);
      if (next === undefined) return;
      event.preventDefault();
      zoomTo(next, card);
    });
  }

  function zoomTo(window, origin) {
    if (JSON.stringify(window) === JSON.stringify(zoom)) return;
    zoom = window;
    const all = linked ? [...cards.values()] : [origin];
    for (const card of all) fit(card);
    onZoom(zoom);
  }

  function fit(card) {
    if (!card.figure || card.node.hidden || !card.plot.data) return;
    const hidden = hiddenOf(card.plot);
    const range = card.figure.fixedX ? undefined : zoom;
    const change = { "yaxis.range": heightOf(card.figure, hidden, range) };
    if (range) change["xaxis.range"] = [...range];
    else change["xaxis.autorange"] = true;
    /** @type {any} */ (globalThis).Plotly.relayout(card.plot, change);
  }

  dark.addEventListener("change", () => {
    for (const card of cards.values()) card.stale = true;
    paintStale();
  });
  return {
    draw,
    /** Show all again. */
    reset: () => zoomTo(null, [...cards.values()][0]),
    /** Forget the zoom: the horizontal axis is another one now. */
    forget() {
      zoom = null;
      onZoom(null);
    },
  };
}

/** Where a key takes a window [from, to]; null: to all of it; undefined: nowhere. */
function moved([from, to], key) {
  const span = to - from;
  const moves = {
    "+": [from + span / 4, to - span / 4],
    "=": [from + span / 4, to - span / 4],
    "-": [from - span / 2, to + span / 2],
    ArrowLeft: [from - span / 5, to - span / 5],
    ArrowRight: [from + span / 5, to + span / 5],
    0: null,
  };
  return moves[key];
}

function isNear(node) {
  const { top, bottom } = node.getBoundingClientRect();
  return !node.hidden && top < innerHeight + NEAR_PX && bottom > -NEAR_PX;
}

function hiddenOf(plot) {
  return new Set((plot.data ?? []).filter((trace) => trace.visible === "legendonly").map((trace) => trace.name));
}

function layoutOf(figure, palette, hidden, zoom) {
  const axis = {
    gridcolor: palette.grid,
    linecolor: palette.grid,
    zeroline: false,
    automargin: true,
    exponentformat: "SI",
    ticks: "",
  };
  const range = figure.fixedX ? null : zoom;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: palette.font, size: 12, color: palette.muted },
    margin: { l: 8, r: 12, t: 34, b: 8 },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", xanchor: "left" },
    showlegend: figure.traces.filter((trace) => trace.showlegend !== false).length > 1,
    hovermode: figure.hover ?? "x unified",
    hoverlabel: { bgcolor: palette.card, bordercolor: palette.grid, font: { color: palette.text } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: palette.muted, activecolor: palette.training },
    barmode: "stack",
    // The same revision keeps hidden traces; ranges are set here each time.
    uirevision: "same",
    dragmode: "zoom",
    shapes: figure.shapes ?? [],
    annotations: figure.annotations ?? [],
    xaxis: {
      ...axis,
      title: { text: figure.x, standoff: 8 },
      uirevision: JSON.stringify([zoom, figure.x]),
      ...figure.xaxis,
      ...(range ? { range: [...range], autorange: false } : { autorange: true }),
    },
    yaxis: {
      ...axis,
      title: { text: figure.y, standoff: 8 },
      fixedrange: true,
      type: figure.log ? "log" : "linear",
      range: heightOf(figure, hidden, range),
      uirevision: Math.random(),
      ...(figure.log && logTicks(heightOf(figure, hidden, range))),
      ...figure.yaxis,
    },
  };
}

/** Ticks of a logarithmic axis: decades, and 2 and 5 between them where it has few. */
const logTicks = ([low, high]) => ({ tickformat: ".3~g", dtick: high - low > 1.5 ? 1 : "D2" });

/** The range of the vertical axis that fits what is in view; a constant line gets room on both sides. */
export function heightOf({ traces, log, fromZero = false, include = [], height }, hidden, window) {
  if (height) return height;
  let low = Infinity;
  let high = -Infinity;
  const see = (value) => {
    if (value === null || value === undefined || !Number.isFinite(value) || (log && value <= 0)) return;
    if (value < low) low = value;
    if (value > high) high = value;
  };
  const stacks = new Map();
  for (const trace of traces) {
    if (hidden.has(trace.name) || !trace.y) continue;
    for (let i = 0; i < trace.y.length; i += 1) {
      const x = trace.x[i];
      if (window && (x < window[0] || x > window[1])) continue;
      if (trace.stackgroup) {
        stacks.set(x, (stacks.get(x) ?? 0) + (trace.y[i] ?? 0));
        continue;
      }
      const spread = trace.error_y?.visible === false ? 0 : (trace.error_y?.array?.[i] ?? 0);
      see(trace.y[i] + spread);
      see(trace.y[i] - spread);
    }
  }
  for (const value of stacks.values()) see(value);
  if (!window) include.forEach(see);
  if (fromZero && !log) see(0);
  if (low > high) return log ? [-1, 1] : [0, 1];
  if (log) [low, high] = [Math.log10(low), Math.log10(high)];
  const span = high - low;
  if (span < Math.abs(high) * 1e-9 || span === 0) {
    const room = log ? 0.3 : Math.abs(high) * 0.1 || 1;
    return [low - room, high + room];
  }
  return [fromZero && low === 0 ? 0 : low - span * 0.05, high + span * 0.05];
}

/** The last figures of a chart as a table, newest first. */
function fillFigures({ name, table, figure }) {
  const shown = figure.traces.filter((trace) => trace.y && !trace.untold);
  const places = [...new Set(shown.flatMap((trace) => trace.x))].sort((a, b) => (a > b ? -1 : 1)).slice(0, ROWS);
  const columns = shown.map((trace) => new Map(trace.x.map((x, i) => [x, trace.y[i]])));
  const lines = places.map((x) => [told(x), ...columns.map((column) => told(column.get(x)))]);
  const node = makeTable(name, [figure.x || "At", ...shown.map((trace) => trace.name ?? figure.y)], lines);
  table.replaceChildren(table.firstElementChild, element("div", { className: "scroll" }, node));
}

const told = (value) =>
  value === null || value === undefined
    ? "–"
    : typeof value === "number"
      ? String(Number(value.toPrecision(6)))
      : String(value);
