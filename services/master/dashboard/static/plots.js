// @ts-check
// A grid of charts on plotly.js: drawn where they are seen, one zoom for all of them, and a table for each.

import { colours, dark } from "./colours.js";
import { element, setText, show } from "./dom.js";
import { heightOf, layoutOf } from "./plot_layout.js";
import { createTable } from "./plot_table.js";
import { plotly } from "./plotly.js";

const CONFIG = {
  displaylogo: false,
  doubleClick: false,
  // A list of our own, so that plotly.js adds no button that sends data to its cloud.
  modeBarButtons: [["toImage", "zoom2d", "pan2d"]],
  plotlyServerURL: "",
};
const SOON_MS = 200;
const NEAR_PX = 300; // A chart that is so near to what is seen is drawn once there is time.

/**
 * A figure is { traces, y, log, bars, shapes, x }: `traces` as plotly.js has them, `y` the vertical axis' title, `x` the
 * horizontal one's. A `build(colours)` returns it, or a text that says why there is none.
 */
export function createPlots(container, { linked = true, onZoom = (_window) => {} } = {}) {
  const cards = new Map();
  let zoom = null; // [from, to] of the horizontal axis, or null: all of it
  let Plotly = null; // once it is loaded
  const approaching = new IntersectionObserver(paintSeen, { rootMargin: `${NEAR_PX}px` });

  // Its place may change without the window: plotly.js would not notice.
  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) if (target.clientWidth) Plotly.resize(target);
  });

  /** Draw those that are in view; those near it follow when there is time, the others when they come there. */
  async function draw(figures) {
    const names = Object.keys(figures);
    for (const [place, name] of names.entries()) {
      if (!cards.has(name)) {
        const next = names.slice(place).find((later) => cards.has(later)); // One that comes late has its place, too.
        cards.set(name, addCard(name, next === undefined ? null : cards.get(next).node));
      }
      Object.assign(cards.get(name), { build: figures[name], stale: true });
    }
    for (const [name, card] of cards) show(card.node, name in figures);
    await paintSeen();
  }

  async function paintSeen() {
    await paint(stale(0));
    paintLater();
  }

  const stale = (margin) => [...cards.values()].filter((card) => card.stale && isNear(card.node, margin));

  let waiting = false;
  function paintLater() {
    if (waiting || !stale(NEAR_PX).length) return;
    waiting = true;
    whenIdle(async () => {
      waiting = false;
      await paint(stale(NEAR_PX).slice(0, 1));
      paintLater();
    });
  }

  async function paint(chosen) {
    if (!chosen.length) return;
    Plotly = await plotly;
    await Promise.all(chosen.filter((card) => card.stale).map(paintOne));
  }

  function addCard(name, next) {
    const title = element("h3", { id: `chart-${cards.size}`, textContent: name });
    const plot = element("div", { className: "plot", tabIndex: 0 });
    const why = element("p", { className: "muted nothing", hidden: true });
    const table = createTable(name);
    const size = cards.size === 0 ? "card chart large" : "card chart";
    const node = element("section", { className: size }, title, why, plot, table.node);
    node.setAttribute("aria-labelledby", title.id);
    plot.setAttribute("role", "figure");
    container.insertBefore(node, next);
    approaching.observe(node);
    return { name, node, plot, why, table, build: null, stale: false, figure: null, listens: false };
  }

  async function paintOne(card) {
    card.stale = false;
    const palette = colours();
    const figure = card.build(palette);
    const text = typeof figure === "string" ? figure : null;
    setText(card.why, text);
    show(card.why, text !== null);
    show(card.plot, text === null);
    show(card.table.node, text === null);
    if (text !== null) return;
    card.figure = figure;
    card.table.update(figure);
    const keys = figure.fixedX ? "" : " + and − zoom, arrows move, 0 shows all;";
    card.plot.setAttribute("aria-label", `${card.name}: a chart;${keys} its figures follow as a table`);
    await Plotly.react(card.plot, figure.traces, layoutOf(figure, palette, hiddenOf(card.plot), zoom), CONFIG);
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
    const range = card.figure.fixedX ? undefined : zoom;
    const change = { "yaxis.range": heightOf(card.figure, hiddenOf(card.plot), range) };
    if (range) change["xaxis.range"] = [...range];
    else change["xaxis.autorange"] = true;
    Plotly.relayout(card.plot, change);
  }

  dark.addEventListener("change", () => {
    for (const card of cards.values()) card.stale = true;
    paintSeen();
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

/** Once there is time, or soon; Safari has no idle callbacks. */
const whenIdle = (work) =>
  globalThis.requestIdleCallback ? requestIdleCallback(work, { timeout: SOON_MS }) : setTimeout(work, SOON_MS);

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

function isNear(node, margin) {
  const { top, bottom } = node.getBoundingClientRect();
  return !node.hidden && top < innerHeight + margin && bottom > -margin;
}

function hiddenOf(plot) {
  return new Set((plot.data ?? []).filter((trace) => trace.visible === "legendonly").map((trace) => trace.name));
}
