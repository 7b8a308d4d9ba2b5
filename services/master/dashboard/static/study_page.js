// @ts-check
// The page of one study: its trials' curves, the trials in order of their score, and whether they differ.

import { ApiError, experimentApi, pageOf, studyApi } from "./api.js";
import { curves } from "./comparison_figures.js";
import { ask } from "./dialogs.js";
import { shownValue } from "./differences.js";
import { byId, copyButton, element, fillTable, makeTable, setStatus, setText, settle, show } from "./dom.js";
import { count, hours, score, yaml } from "./format.js";
import { live } from "./live.js";
import { costNote } from "./money.js";
import { createPlots } from "./plots.js";
import { wordsOf } from "./words.js";

const MOST_SHOWN = 8;
const id = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
const api = studyApi(id);
const plots = createPlots(byId("charts"));
let best = null;

const refreshNow = live(refresh);

async function refresh() {
  let report;
  try {
    report = await api.get();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    show(byId("loading"), false);
    show(byId("missing"), true);
    show(byId("study"), false);
    return false;
  }
  const found = await api.curves();
  const { study, trials, comparisons } = report;
  document.title = `${study.name} · Seedcast`;
  setText(byId("id"), study.id);
  setText(byId("name"), study.name);
  setStatus(byId("status"), study.status);
  setText(
    byId("about"),
    [
      `${count(study.runs)} of ${count(study.most_runs)} runs begun`,
      `${hours(study.core_hours)} core-hours`,
      costNote(study.core_hours),
      study.reason,
    ]
      .filter(Boolean)
      .join(" · "),
  );
  show(byId("loading"), false);
  show(byId("study"), true);
  show(byId("stop"), study.status === "active");
  best =
    trials.find((trial) => trial.score !== null)?.runs.find((run) => run.experiment_id !== null)?.experiment_id ??
    null;
  byId("copy").disabled = best === null;
  fillTable(
    byId("trials"),
    [...study.spec.axes.map(({ field }) => field), "Score", "95% interval", "Runs"],
    trials.map((trial) => lineOf(trial, study.spec.axes)),
  );
  showPairs(trials, comparisons, study.spec.halving?.among === "runs");
  const words = wordsOf(study.spec.specification);
  await plots.draw({
    [`Test ${words.result}`]: (palette) => curves(groupsOf(trials, found), words.stepsAxis, palette, words),
  });
  return study.status === "active";
}

/** The best trials' curves, each named after what was set. */
function groupsOf(trials, found) {
  const byTrial = new Map(found.map((curve) => [curve.trial, curve]));
  return trials.slice(0, MOST_SHOWN).flatMap((trial) => {
    const curve = byTrial.get(trial.trial);
    return curve ? [{ ...curve, group: nameOf(trial), tested: curve.runs }] : [];
  });
}

const nameOf = ({ values, trial }) =>
  Object.entries(values)
    .map(([field, value]) => `${field.split(".").at(-1)} ${shownValue(value)}`)
    .join(", ") || `trial ${trial}`;

function lineOf({ values, score: found, runs }, axes) {
  const links = runs.map(({ seed, experiment_id: run, last_score: last, state, reason }) => {
    const text = `seed ${seed}: ${score(last)}${state === "failed" ? " (failed)" : ""}`;
    return run === null
      ? element("span", { textContent: text, title: reason })
      : element("a", { href: pageOf(run), textContent: text, title: reason });
  });
  return [
    ...axes.map(({ field }) => shownValue(values[field])),
    found === null ? "–" : score(found.mean),
    found === null || found.low === null ? "–" : `${score(found.low)} to ${score(found.high)}`,
    element("div", { className: "chips" }, ...links),
  ];
}

function showPairs(trials, comparisons, runsCompete) {
  const names = new Map(trials.map((trial) => [trial.trial, nameOf(trial)]));
  const lines = comparisons.map((pair) => [
    names.get(pair.first),
    names.get(pair.second),
    `${Math.round(pair.probability_of_improvement * 100)}%`,
    pair.adjusted.toPrecision(2),
  ]);
  const nothing = element("p", {
    className: "muted",
    textContent: runsCompete
      ? "Runs compete one by one, and settings are not compared."
      : "Two trials of as many steps, with two tested runs each, are needed to compare.",
  });
  const table = () =>
    makeTable("Comparisons", ["Trial", "Against", "Chance that its run is better", "p, adjusted (Holm)"], lines);
  settle(byId("pairs"), [lines.length ? table() : nothing]);
}

copyButton(byId("copy"), async () => yaml((await experimentApi(best).get()).spec));
byId("stop").addEventListener("click", async () => {
  await ask({
    title: "Stop this study?",
    text: "It ends, and those of its runs that still train are stopped.",
    confirm: "Stop",
    danger: true,
    act: () => api.stop(),
  });
  refreshNow();
});
