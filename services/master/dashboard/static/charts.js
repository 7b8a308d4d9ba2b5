// The charts: figures drawn by the master, shown by plotly.js in the page's colours.

import { byId, element, setText } from "./dom.js";

const CONFIG = {
  responsive: true,
  displaylogo: false,
  // A list of our own, so that plotly.js adds no button that sends data to its cloud.
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  plotlyServerURL: "",
};
const REST = 10; // Fetching figures takes at most a tenth of the time, however long the history.

const dark = matchMedia("(prefers-color-scheme: dark)");

/** Charts of one experiment. `refresh(stamp)` draws a new stamp's figures, and says whether they are shown. */
export function createCharts(api) {
  const cards = new Map();
  let axis = axisFromAddress();
  let drawn = null;
  let notBefore = 0;

  async function refresh(stamp) {
    const wanted = `${axis} ${stamp}`;
    if (drawn === wanted) return true;
    if (performance.now() < notBefore) return false;
    const started = performance.now();
    const asked = axis;
    const figures = await api.charts(asked);
    const finished = performance.now();
    notBefore = finished + (finished - started) * REST;
    if (asked !== axis) return false;
    for (const name of Object.keys(figures)) if (!cards.has(name)) cards.set(name, addCard(name, cards.size));
    await Promise.all(Object.entries(figures).map(([name, figure]) => draw(cards.get(name), figure)));
    drawn = wanted;
    return true;
  }

  for (const radio of document.querySelectorAll("input[name=axis]")) {
    radio.checked = radio.value === axis;
  }
  dark.addEventListener("change", () => cards.forEach((card) => card.figure && draw(card, card.figure)));

  return {
    refresh,
    /** Change the axis; the next refresh draws it. */
    choose(chosen) {
      axis = chosen;
      notBefore = 0;
      history.replaceState(null, "", `#${axis}`);
    },
  };
}

function axisFromAddress() {
  const asked = location.hash.slice(1);
  return ["iteration", "time", "env_steps"].includes(asked) ? asked : "iteration";
}

function addCard(name, index) {
  const title = element("h3", { id: `chart-${name}` });
  setText(title, name.replaceAll("_", " "));
  const plot = element("div", { className: "plot" });
  const node = element("section", { className: index === 0 ? "card chart large" : "card chart" }, title, plot);
  node.setAttribute("aria-labelledby", title.id);
  byId("charts").append(node);
  return { plot, figure: null };
}

function draw(card, figure) {
  card.figure = figure;
  const style = getComputedStyle(document.body);
  const layout = structuredClone(figure.layout);
  layout.template.layout.font.color = style.getPropertyValue("--muted").trim();
  layout.template.layout.font.family = style.fontFamily;
  return Plotly.react(card.plot, structuredClone(figure.data), layout, CONFIG);
}
