// @ts-check
// Up to twenty runs beside each other. Which, grouped by what, and against what, stands in the page's address.

import { ApiError, comparison, experimentApi, pageOf } from "./api.js";
import { comparisonFigures } from "./comparison_figures.js";
import { differences, shownValue } from "./differences.js";
import { byId, element, makeTable, radios, setText, settle, show } from "./dom.js";
import { score } from "./format.js";
import { live } from "./live.js";
import { createPlots } from "./plots.js";

const MOST = 20;
const query = new URLSearchParams(location.search);
const ids = [...new Set(query.getAll("run"))].slice(0, MOST);
const plots = createPlots(byId("charts"));
let experiments = [];

const refreshNow = live(refresh);

async function refresh() {
  if (ids.length < 1) {
    setText(byId("summary"), "");
    show(byId("none"), true);
    return false;
  }
  const tag = query.get("group") ?? "";
  const against = query.get("against") ?? "environment_steps";
  const groupsOf = (runs) =>
    comparison(new URLSearchParams([...runs.map((id) => ["run", id]), ["tag", tag], ["against", against]]));
  // Both at once; where some are gone, again of those that are there.
  const [early, ...found] = await Promise.all(
    [groupsOf(ids), ...ids.map((id) => experimentApi(id).get())].map(orNothing),
  );
  experiments = found.filter((experiment) => experiment !== null);
  const gone = ids.length - experiments.length;
  setText(byId("summary"), `${experiments.length} runs${gone ? `; ${gone} of those asked for are gone` : ""}`);
  show(byId("none"), experiments.length === 0);
  show(byId("comparison"), experiments.length > 0);
  if (!experiments.length) return false;
  const answer = early ?? (await groupsOf(experiments.map(({ id }) => id)));
  const changed = differences(experiments.map(({ spec }) => spec));
  offerGroups(tag);
  await plots.draw(comparisonFigures(answer, experiments, changed));
  showDifferences(changed);
  return experiments.some(({ active }) => active);
}

/** What is asked for, or null where it is gone. */
async function orNothing(answer) {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

function offerGroups(chosen) {
  const names = [...new Set(experiments.flatMap(({ spec }) => Object.keys(spec.tags)))].sort();
  const select = byId("group");
  const wanted = ["", ...names];
  if (select.options.length !== wanted.length) {
    select.replaceChildren(
      ...wanted.map((name) => element("option", { value: name, textContent: name || "run" })),
    );
  }
  select.value = wanted.includes(chosen) ? chosen : "";
}

function showDifferences(changed) {
  const headings = ["Run", "Best test", "Status", ...changed.map(([field]) => field)];
  const lines = experiments.map((experiment, i) => [
    element("a", { href: pageOf(experiment.id), textContent: experiment.id }),
    score(experiment.best_test_return),
    experiment.status,
    ...changed.map(([, ...values]) => shownValue(values[i])),
  ]);
  settle(byId("differences"), [makeTable("What differs", headings, lines)]);
}

function ask(key, value) {
  if (value) query.set(key, value);
  else query.delete(key);
  history.replaceState(null, "", `?${query}`);
  plots.forget();
  refreshNow();
}

byId("group").addEventListener("change", () => ask("group", byId("group").value));
for (const radio of radios("against")) {
  radio.checked = radio.value === (query.get("against") ?? "environment_steps");
  radio.addEventListener("change", () => ask("against", radio.value));
}
