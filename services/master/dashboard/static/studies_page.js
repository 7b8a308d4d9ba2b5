// @ts-check
// The page of all studies.

import { ROOT, studies } from "./api.js";
import { byId, element, fillTable, setStatus, setText, show } from "./dom.js";
import { count, hours, moment } from "./format.js";
import { live } from "./live.js";
import { costNote } from "./money.js";

const HEADINGS = ["Study", "Status", "Runs", "What differs", "Seeds", "Core-hours", "Started"];

live(async () => {
  const found = await studies();
  const active = found.filter(({ status }) => status === "active").length;
  setText(
    byId("summary"),
    found.length ? `${count(found.length)} stud${found.length === 1 ? "y" : "ies"}, ${count(active)} active` : "",
  );
  show(byId("empty"), found.length === 0);
  show(byId("table"), found.length > 0);
  fillTable(byId("studies"), HEADINGS, found.map(lineOf));
});

function lineOf({ id, name, status, reason, runs, most_runs: most, core_hours: used, created_at: created, spec }) {
  const state = element("span", { className: "pill", title: reason });
  setStatus(state, status);
  const bar = element("progress", { max: most, value: runs });
  bar.setAttribute("aria-label", "Runs begun");
  return [
    element("a", { href: `${ROOT}dashboard/studies/${encodeURIComponent(id)}`, textContent: name }),
    state,
    element("div", {}, `${count(runs)} / ${count(most)}`, bar),
    spec.axes.map(({ field }) => field).join(", ") || "seeds only",
    Array.isArray(spec.seeds) ? spec.seeds.length : spec.seeds,
    element("span", { title: costNote(used), textContent: hours(used) }),
    moment(created),
  ];
}
