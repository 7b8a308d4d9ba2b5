// @ts-check
// The page of all experiments. What is shown, and in which order, stands in the page's address.

import { address, ROOT, rows } from "./api.js";
import { byId, element, inUse, setText, show } from "./dom.js";
import { COLUMNS, chips, createRows, NUMBERS } from "./experiment_rows.js";
import { count } from "./format.js";
import { live } from "./live.js";

const PAGE = 100;
const MOST_COMPARED = 20;
const FILTERS = ["text", "status", "tag", "archived"];
const EXAMPLE = `curl -X POST ${address("experiments")} \\
  -H 'Content-Type: application/yaml' --data-binary @configs/cartpole.yaml`;

const picked = new Set();
let query = new URLSearchParams(location.search);
let next = null;
let before = history.state?.before ?? []; // the cursors of the pages that came before this one
let askedAnew = true; // whether the rows shown are to be others, and not the same as they are now
const rowOf = createRows(picked, {
  pick: showPicked,
  tag: (tag) => choose("tag", tag),
  changed: () => refreshNow(),
});
const refreshNow = live(refresh);

showHeadings();
showFilters();

async function refresh() {
  const asked = query.toString();
  let page;
  try {
    page = await rows(`${asked}${asked && "&"}limit=${PAGE}`);
  } catch (error) {
    if (error.status !== 422) throw error;
    before = [];
    change(
      query.has("cursor") ? { cursor: null } : Object.fromEntries([...query.keys()].map((key) => [key, null])),
    );
    return;
  }
  if (asked !== query.toString()) return;
  const filtered = FILTERS.some((key) => query.has(key));
  const none = page.total === 0 && !filtered;
  next = page.next_cursor;
  const total = `${count(page.total)} experiment${page.total === 1 ? "" : "s"}${filtered ? " that match" : ""}`;
  setText(byId("summary"), none ? "" : `${total}, ${count(page.active)} active`);
  setText(byId("example"), EXAMPLE);
  show(byId("empty"), none);
  show(byId("table"), !none);
  show(byId("filters"), !none);
  show(byId("no-match"), page.total === 0 && filtered);
  show(byId("pages"), query.has("cursor") || next !== null);
  // The address of a later page may be all that there is of the way to it.
  const first = !before.length && query.has("cursor") ? null : before.length * PAGE + 1;
  byId("previous").disabled = first === 1;
  byId("next").disabled = next === null;
  const last = first + page.experiments.length - 1;
  setText(byId("page"), `${first === null ? "" : `${count(first)} to ${count(last)} `}of ${count(page.total)}`);
  const nodes = page.experiments.map(rowOf);
  const body = byId("rows");
  for (const row of [...body.children]) if (!nodes.includes(row)) row.remove();
  const same = nodes.length === body.children.length && nodes.every((node, i) => node === body.children[i]);
  // Rows change their places once nobody is at one.
  if (!same && (askedAnew || !inUse(body))) body.replaceChildren(...nodes);
  askedAnew = false;
}

/** Change what is asked for; null takes a key away. */
function change(values) {
  for (const [key, value] of Object.entries(values)) {
    if (value === null || value === "") query.delete(key);
    else query.set(key, value);
  }
  askedAnew = true;
  history.replaceState({ before }, "", query.size ? `?${query}` : location.pathname);
  showHeadings();
  showFilters();
  refreshNow();
}

function choose(key, value) {
  before = [];
  change({ [key]: value, cursor: null });
}

function showFilters() {
  if (document.activeElement !== byId("text")) byId("text").value = query.get("text") ?? "";
  byId("status").value = query.has("archived") ? "archived" : (query.get("status") ?? "");
  const tag = query.get("tag");
  const chosen = tag === null ? [] : chips(Object.fromEntries([tag.split(/=(.*)/s)]), () => choose("tag", null));
  for (const chip of chosen) {
    chip.title = "Show all tags";
    chip.append(" ×");
  }
  byId("tags").replaceChildren(...chosen);
}

function showHeadings() {
  const sort = query.get("sort") ?? "created";
  const reverse = query.get("reverse") === "true";
  const headings = COLUMNS.map(([label, order]) => {
    const heading = element("th", { scope: "col", className: NUMBERS.has(label) ? "number" : "" });
    if (order === null) {
      heading.append(label);
      return heading;
    }
    const words = ["name", "status", "environment", "strategy"].includes(order);
    const rising = words !== reverse;
    const button = element("button", { type: "button", className: "sort", textContent: label });
    if (sort === order) {
      heading.setAttribute("aria-sort", rising ? "ascending" : "descending");
      button.append(rising ? " ↑" : " ↓");
    }
    button.addEventListener("click", () => {
      before = [];
      // The second press turns the order round, the third goes back to the newest first.
      const third = sort === order && reverse;
      change({ sort: third ? null : order, reverse: sort === order && !reverse ? "true" : null, cursor: null });
      byId("columns").children[COLUMNS.findIndex(([name]) => name === label) + 1].querySelector("button").focus();
    });
    heading.append(button);
    return heading;
  });
  const tick = element("th", { scope: "col" }, element("span", { className: "hidden", textContent: "Compare" }));
  const last = element("th", { scope: "col" }, element("span", { className: "hidden", textContent: "Actions" }));
  byId("columns").replaceChildren(tick, ...headings, last);
}

function showPicked() {
  const button = byId("compare");
  button.disabled = picked.size < 2 || picked.size > MOST_COMPARED;
  setText(button, picked.size ? `Compare ${picked.size}` : "Compare");
  button.title = picked.size > MOST_COMPARED ? `${MOST_COMPARED} at most` : "";
}

let typing;
byId("text").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => choose("text", byId("text").value.trim()), 200);
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("status").addEventListener("change", () => {
  const { value } = byId("status");
  before = [];
  const archived = value === "archived";
  change({ status: archived ? null : value, archived: archived ? "true" : null, cursor: null });
});
byId("clear").addEventListener("click", () => {
  before = [];
  byId("text").value = "";
  change({ ...Object.fromEntries(FILTERS.map((key) => [key, null])), cursor: null });
});
byId("next").addEventListener("click", () => {
  before.push(query.get("cursor"));
  change({ cursor: next });
});
byId("previous").addEventListener("click", () => change({ cursor: before.pop() ?? null }));
byId("compare").addEventListener("click", () => {
  location.assign(`${ROOT}dashboard/compare?${new URLSearchParams([...picked].map((id) => ["run", id]))}`);
});
window.addEventListener("popstate", () => {
  query = new URLSearchParams(location.search);
  before = history.state?.before ?? [];
  change({});
});
