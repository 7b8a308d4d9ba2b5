// @ts-check
// The rows of the table of experiments: one node an experiment, changed only where something differs.

import { actionsOf } from "./actions.js";
import { pageOf } from "./api.js";
import { element, setStatus, setText, show } from "./dom.js";
import { count, duration, given, hours, part, remaining, score, short } from "./format.js";
import { menuButton } from "./menu.js";
import { costNote, costOf } from "./money.js";
import { createSparkline } from "./sparkline.js";
import { reaches } from "./words.js";

/** Heading, and what the server sorts by; null: it does not. Words begin with A, numbers with the greatest. */
export const COLUMNS = [
  ["Name", "name"],
  ["Status", "status"],
  ["Task", "environment"],
  ["Strategy", "strategy"],
  ["Generation", "generation"],
  ["Curve", null],
  ["Last test", "last"],
  ["Best test", "best"],
  ["Steps / s", "pace"],
  ["Core-h", "core_hours"],
  ["Elapsed", "elapsed"],
  ["ETA", null],
];
export const NUMBERS = new Set(["Last test", "Best test", "Steps / s", "Core-h", "Elapsed", "ETA"]);

/** `picked` is the set of ids that are ticked; `on` has pick(), tag(text) and changed(). */
export function createRows(picked, on) {
  const known = new Map();
  return (experiment) => {
    if (!known.has(experiment.id)) known.set(experiment.id, createRow(experiment, picked, on));
    const row = known.get(experiment.id);
    row.update(experiment);
    return row.node;
  };
}

function createRow(first, picked, on) {
  let shown = first;
  const tick = element("input", { type: "checkbox", checked: picked.has(first.id) });
  const link = element("a", { href: pageOf(first.id) });
  const tags = element("span", { className: "chips" });
  const note = element("small", { className: "muted" });
  const status = element("span", { className: "pill" });
  const generation = element("span");
  const bar = element("progress", { max: 1 });
  bar.setAttribute("aria-label", "Generations done");
  const curve = createSparkline();
  const best = element("span");
  const used = element("span");
  const cost = element("small", { className: "muted" });
  const target = element("small", { className: "muted" });
  const cells = Object.fromEntries(COLUMNS.map(([label]) => [label, cell(label)]));
  cells.Name.append(link, tags, note);
  cells.Status.append(status);
  cells.Generation.append(element("div", {}, generation, bar));
  cells.Curve.append(curve.node);
  cells["Best test"].append(element("div", {}, best, " ", target));
  cells["Core-h"].append(element("div", {}, used, cost));
  const pick = (ticked) => {
    if (ticked) picked.add(first.id);
    else picked.delete(first.id);
    on.pick();
  };
  tick.addEventListener("change", () => pick(tick.checked));
  const actions = () => actionsOf(shown, on.changed, () => pick(false));
  const menu = menuButton(`Actions of ${first.name}`, actions, on.changed);
  const node = element(
    "tr",
    {},
    element("td", { className: "tick" }, tick),
    ...Object.values(cells),
    element("td", { className: "last" }, menu),
  );
  let tagged = null;

  function update(experiment) {
    shown = experiment;
    setText(link, experiment.name);
    tick.setAttribute("aria-label", `Compare ${experiment.name}`);
    const stamp = JSON.stringify(experiment.tags);
    if (stamp !== tagged) tags.replaceChildren(...chips(experiment.tags, on.tag));
    tagged = stamp;
    setText(note, experiment.note.split("\n")[0]);
    setStatus(status, experiment.status);
    status.title = experiment.reason;
    setText(cells.Task, experiment.environment ?? experiment.objective);
    setText(cells.Strategy, experiment.strategy);
    setText(generation, `${count(experiment.generation)} / ${count(experiment.stop_generations)}`);
    bar.value = experiment.status === "completed" ? 1 : part(experiment);
    curve.update(experiment.curve);
    setText(cells["Last test"], score(experiment.last_test_return));
    setText(best, score(experiment.best_test_return));
    setText(target, experiment.target == null ? "" : `of ${given(experiment.target)}`);
    const reached = reaches(experiment.direction, experiment.best_test_return, experiment.target);
    best.className = reached ? "reached" : "";
    setText(cells["Steps / s"], short(experiment.steps_per_second));
    setText(used, hours(experiment.core_hours));
    setText(cost, costOf(experiment.core_hours, { first: true }));
    cost.title = costNote(experiment.core_hours);
    setText(cells.Elapsed, duration(experiment.elapsed_seconds));
    setText(cells.ETA, duration(remaining(experiment)));
    show(note, experiment.note !== "");
  }
  return { node, update };
}

/** Tags as buttons; a press gives "name=value". */
export function chips(tags, press) {
  return Object.entries(tags).map(([name, value]) => {
    const text = value === "true" ? name : `${name}=${value}`;
    const chip = element("button", {
      type: "button",
      className: "chip",
      textContent: text,
      title: `Only those with ${text}`,
    });
    chip.addEventListener("click", () => press(`${name}=${value}`));
    return chip;
  });
}

function cell(label) {
  const node = element("td", { className: NUMBERS.has(label) ? "number" : label.toLowerCase() });
  node.dataset.label = label;
  return node;
}
