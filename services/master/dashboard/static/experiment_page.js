// @ts-check
// The page of one experiment: what is new comes by events, and by looking where they do not.

import { ApiError, experimentApi } from "./api.js";
import { byId, radios, setText, show } from "./dom.js";
import { experimentFacts } from "./experiment_facts.js";
import { experimentFigures } from "./experiment_figures.js";
import { createHeader } from "./experiment_header.js";
import { showFiles } from "./files.js";
import { createFilms } from "./films.js";
import { count } from "./format.js";
import { live } from "./live.js";
import { createModelCard } from "./model_card.js";
import { listen } from "./news.js";
import { createPlots } from "./plots.js";
import { AXES, Series } from "./series.js";
import { createSpecCard } from "./spec_card.js";
import { createTiles } from "./tiles.js";
import { wordsOf } from "./words.js";

const id = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
const api = experimentApi(id);
const series = new Series();
const look = { axis: axisFromAddress(), smoothing: 0, log: false };
const header = createHeader(api, lookAgain);
const tiles = createTiles(byId("tiles"));
const plots = createPlots(byId("charts"), { onZoom: (window) => show(byId("reset-zoom"), window !== null) });
const films = createFilms(api, lookAgain);
const card = createModelCard(api);
const spec = createSpecCard(id);
const news = listen(id, () => series.known, lookAgain);
let experiment = null;
let drawn = false;
let filming = false;
let stale = true; // there may be more than what is shown

const refreshNow = live(refresh);

function lookAgain() {
  stale = true;
  refreshNow();
}

async function refresh() {
  if (stale || filming || !news.open || !series.extremes) await lookAtAll();
  else if (experiment.active) showProgress(await api.progress());
  return experiment !== null && (experiment.active || filming || !series.extremes);
}

async function lookAtAll() {
  stale = false; // what comes from here on counts for the next look
  try {
    await showAll(
      await Promise.all([api.get(), api.progress(), api.artifacts(), api.columns(series.after, series.every)]),
    );
    news.start();
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return showMissing();
    stale = true;
    throw error;
  }
}

function showMissing() {
  experiment = null;
  news.close();
  show(byId("loading"), false);
  show(byId("missing"), true);
  show(byId("experiment"), false);
}

async function showAll([found, progress, files, columns]) {
  experiment = found;
  show(byId("loading"), false);
  show(byId("experiment"), true);
  header.update(experiment);
  showProgress(progress);
  showFiles(api, files);
  setText(byId("steps-axis"), wordsOf(experiment.spec).steps);
  const grown = series.append(columns);
  tiles.update(experimentFacts(experiment, series));
  spec.update(experiment);
  card.update(experiment, series.tests, files);
  if (grown || !drawn) await draw();
  if (byId("log-box").open) await showLog();
  filming = experiment.spec.objective ? false : await films.update(files);
}

async function draw() {
  await plots.draw(experimentFigures(series, experiment, look));
  if (drawn) return;
  drawn = true;
  byId("charts").querySelector(".chart").after(byId("film"), byId("strip")); // next to the curve of tests
}

function showProgress(progress) {
  show(byId("progress"), progress !== null);
  if (progress === null) return;
  const { generation, rollouts_done: done, rollouts } = progress;
  const { rollouts: word } = wordsOf(experiment.spec);
  setText(byId("progress-text"), `Generation ${count(generation)}: ${count(done)} of ${count(rollouts)} ${word}`);
  byId("progress-bar").value = rollouts ? done / rollouts : 0;
}

async function showLog() {
  try {
    const box = byId("log-text");
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 20;
    setText(box, await api.log());
    if (atEnd) box.scrollTop = box.scrollHeight;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    setText(byId("log-text"), "There is no log yet.");
  }
}

function axisFromAddress() {
  const asked = location.hash.slice(1);
  return asked in AXES ? asked : "generation";
}

for (const radio of radios("axis")) {
  radio.checked = radio.value === look.axis;
  radio.addEventListener("change", () => {
    look.axis = radio.value;
    history.replaceState(null, "", `#${look.axis}`);
    plots.forget();
    if (experiment) draw();
  });
}
byId("log").addEventListener("change", () => {
  look.log = byId("log").checked;
  if (experiment) draw();
});
byId("smoothing").addEventListener("input", () => {
  look.smoothing = Number(byId("smoothing").value);
  if (experiment) draw();
});
byId("reset-zoom").addEventListener("click", () => plots.reset());
byId("log-box").addEventListener("toggle", () => byId("log-box").open && showLog());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) news.close(); // once it is seen again, `live` looks at once
});
