// @ts-check
// The page of one experiment.

import { actionsOf } from "./actions.js";
import { ApiError, experimentApi, ROOT, rows } from "./api.js";
import { differences, shownValue } from "./differences.js";
import { byId, copyButton, element, makeTable, radios, setStatus, setText, show } from "./dom.js";
import { experimentFigures } from "./experiment_figures.js";
import { chips } from "./experiment_rows.js";
import { showFiles } from "./files.js";
import { createFilms } from "./films.js";
import { count, duration, given, hours, moment, remaining, score, short, yaml } from "./format.js";
import { live } from "./live.js";
import { perform } from "./menu.js";
import { createPlots } from "./plots.js";
import { AXES, Series } from "./series.js";
import { createTiles } from "./tiles.js";
import { wordsOf } from "./words.js";

const id = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
const api = experimentApi(id);
const tiles = createTiles(byId("tiles"));
const plots = createPlots(byId("charts"), { onZoom: (window) => show(byId("reset-zoom"), window !== null) });
const films = createFilms(api, () => refreshNow());
const series = new Series();
const look = { axis: axisFromAddress(), smoothing: 0, log: false };
let experiment = null;
let drawn = false;
let actionsShown = "";

const refreshNow = live(refresh);

async function refresh() {
  try {
    experiment = await api.get();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    show(byId("loading"), false);
    show(byId("missing"), true);
    show(byId("experiment"), false);
    return false;
  }
  const { active } = experiment;
  const [progress, files, columns] = await Promise.all([
    active ? api.progress() : null,
    api.artifacts(),
    api.columns(series.after, series.every),
  ]);
  show(byId("loading"), false);
  show(byId("experiment"), true);
  showHeader();
  showProgress(progress);
  showFiles(api, files);
  const grown = series.append(columns);
  showTiles();
  if (grown || !drawn) await draw();
  if (byId("log-box").open) await showLog();
  const filming = experiment.spec.objective ? false : await films.update(files);
  return active || filming || !series.extremes || experiment.status === "paused";
}

async function draw() {
  drawn = true;
  await plots.draw(experimentFigures(series, experiment, look));
}

function showHeader() {
  const { environment, objective, strategy, population_size, episodes_per_member, tags } = experiment.spec;
  document.title = `${experiment.name} · Seedcast`;
  setText(byId("id"), experiment.id);
  setText(byId("name"), experiment.name);
  setStatus(byId("status"), experiment.status);
  const words = wordsOf(experiment.spec);
  setText(byId("steps-axis"), words.steps);
  const episodes = episodes_per_member === 1 ? "" : ` × ${episodes_per_member} ${words.episodes}`;
  const parameters = experiment.dimension === null ? "" : ` · ${count(experiment.dimension)} parameters`;
  const when = experiment.finished_at
    ? `ended ${moment(experiment.finished_at)}`
    : `started ${moment(experiment.created_at)}`;
  setText(
    byId("about"),
    `${environment?.id ?? `${objective.id}, ${experiment.direction}d`} · ${strategy.name}, population ${count(population_size)}${episodes}${parameters} · ${when}`,
  );
  setText(byId("reason"), experiment.reason);
  show(byId("reason"), experiment.reason !== "");
  setText(byId("note"), experiment.note);
  show(byId("note"), experiment.note !== "");
  const tagged = JSON.stringify(tags);
  if (byId("tags").dataset.stamp !== tagged) {
    byId("tags").dataset.stamp = tagged;
    byId("tags").replaceChildren(
      ...chips(tags, (tag) => location.assign(`${ROOT}?${new URLSearchParams({ tag })}`)),
    );
  }
  setText(byId("spec"), yaml(experiment.spec));
  showActions();
}

function showActions() {
  const actions = actionsOf({ ...experiment, tags: experiment.spec.tags });
  const stamp = JSON.stringify([experiment.status, experiment.note, experiment.name, experiment.spec.tags]);
  if (stamp === actionsShown) return;
  actionsShown = stamp;
  const focused = document.activeElement?.textContent;
  const buttons = actions.map(({ label, run, danger }) => {
    const button = element("button", {
      type: "button",
      className: danger ? "button danger" : "button",
      textContent: label,
    });
    button.addEventListener("click", () =>
      perform(label, run, async () => {
        if (label === "Delete") await leaveIfGone();
        refreshNow();
      }),
    );
    return button;
  });
  byId("actions").replaceChildren(...buttons);
  buttons.find((button) => button.textContent === focused)?.focus();
}

async function leaveIfGone() {
  try {
    await api.get();
  } catch (error) {
    if (error.status === 404) location.assign(ROOT);
  }
}

function showProgress(progress) {
  show(byId("progress"), progress !== null);
  if (progress === null) return;
  const { generation, rollouts_done: done, rollouts } = progress;
  setText(
    byId("progress-text"),
    `Generation ${count(generation)}: ${count(done)} of ${count(rollouts)} ${experiment.spec.objective ? "evaluations" : "rollouts"}`,
  );
  byId("progress-bar").value = rollouts ? done / rollouts : 0;
}

function showTiles() {
  const { stop } = experiment.spec;
  const words = wordsOf(experiment.spec);
  const of = (columns, name) => columns[name]?.at(-1);
  const { generations, tests } = series;
  const back = Math.max(0, generations.generation.length - 11);
  const steps = (of(generations, "environment_steps") ?? 0) - (back ? generations.environment_steps[back] : 0);
  const seconds = (of(generations, "elapsed_seconds") ?? 0) - (back ? generations.elapsed_seconds[back] : 0);
  const eta = remaining({ ...experiment, stop_generations: stop.generations });
  const spread = of(tests, "returns.std");
  const wanted = stop.test_return ?? stop.value ?? null;
  const target = wanted === null ? "" : `target ${given(wanted)}`;
  const where = experiment.best_generation === null ? "" : `generation ${count(experiment.best_generation)}`;
  tiles.update([
    ["Generation", count(experiment.generation), `of ${count(stop.generations)}`],
    [
      `Mean ${words.result}`,
      score(of(generations, "returns.mean")),
      spreadNote(of(generations, "returns.std"), "in training"),
    ],
    [
      "Last test",
      score(of(tests, "returns.mean")),
      spreadNote(spread, `${count(of(tests, "episodes"))} ${words.episodes}`),
    ],
    ["Best test", score(experiment.best_test_return), [where, target].filter(Boolean).join(", ")],
    [words.steps, short(experiment.environment_steps), count(experiment.environment_steps)],
    [
      words.steps === "Evaluations" ? "Evaluations / s" : "Steps / s",
      short(seconds > 0 ? steps / seconds : null),
      generations.generation.length ? `${of(generations, "generation_seconds").toFixed(2)} s a generation` : "",
    ],
    ["Core-hours", hours(experiment.core_hours), "tests included"],
    eta === null
      ? ["Elapsed", duration(experiment.elapsed_seconds), "of training"]
      : ["ETA", duration(eta), `after ${duration(experiment.elapsed_seconds)} of training`],
  ]);
}

const spreadNote = (spread, text) => (spread === undefined || spread === null ? "" : `±${score(spread)}, ${text}`);

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

async function offerOthers() {
  const select = byId("against");
  if (select.options.length > 1) return;
  const { experiments } = await rows("limit=100");
  const others = experiments.filter((other) => other.id !== id);
  select.append(
    ...others.map((other) =>
      element("option", { value: other.id, textContent: `${other.name} (${other.id.slice(-6)})` }),
    ),
  );
}

async function showDifference() {
  const other = byId("against").value;
  show(byId("difference"), other !== "");
  if (!other) return;
  const found = differences([experiment.spec, (await experimentApi(other).get()).spec]);
  const lines = found.map(([field, ...values]) => [field, ...values.map(shownValue)]);
  const table = makeTable("Differences", ["Field", "This run", other], lines);
  byId("difference").replaceChildren(
    lines.length ? table : element("p", { className: "muted", textContent: "The two are set alike." }),
  );
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
byId("against").addEventListener("focus", offerOthers);
byId("against").addEventListener("change", showDifference);
copyButton(byId("copy"), () => byId("spec").textContent);
