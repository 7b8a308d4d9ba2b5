// The page of all experiments.

import { listExperiments } from "./api.js";
import { byId, element, setStatus, setText, show } from "./dom.js";
import { count, duration, given, score, short } from "./format.js";
import { live } from "./live.js";

const EXAMPLE = `curl -X POST ${location.origin}/experiments \\
  -H 'Content-Type: application/json' -d '{
    "name": "cartpole",
    "environment": {"id": "CartPole-v1"},
    "policy": {"name": "linear"},
    "strategy": {"name": "pgpe"},
    "population_size": 32,
    "test": {"every": 5, "episodes": 20},
    "stop": {"generations": 50, "test_return": 475}
  }'`;

const rows = new Map();
let experiments = [];

live(async () => {
  experiments = await listExperiments();
  const active = experiments.filter((experiment) => experiment.active).length;
  const total = `${count(experiments.length)} experiment${experiments.length === 1 ? "" : "s"}`;
  setText(byId("summary"), experiments.length ? `${total}, ${count(active)} active` : "");
  setText(byId("example"), EXAMPLE);
  show(byId("empty"), experiments.length === 0);
  show(byId("table"), experiments.length > 0);
  show(byId("filter"), experiments.length > 0);
  render();
});

byId("filter").addEventListener("input", render);

function render() {
  const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const matching = experiments.filter((experiment) => words.every((word) => searched(experiment).includes(word)));
  const nodes = matching.map((experiment) => {
    if (!rows.has(experiment.id)) rows.set(experiment.id, makeRow(experiment));
    const row = rows.get(experiment.id);
    update(row, experiment);
    return row.node;
  });
  const body = byId("rows");
  const same = nodes.length === body.children.length && nodes.every((node, i) => node === body.children[i]);
  if (!same) body.replaceChildren(...nodes);
  show(byId("no-match"), experiments.length > 0 && matching.length === 0);
}

function reached({ best_test_return: best, spec }) {
  return best !== null && spec.stop.test_return !== null && best >= spec.stop.test_return;
}

function searched({ id, name, status, spec }) {
  return [id, name, status, spec.environment.id, spec.strategy.name].join(" ").toLowerCase();
}

function makeRow({ id, name, spec }) {
  const status = element("span", { className: "pill" });
  const generation = element("span");
  const bar = element("progress", { max: 1 });
  bar.setAttribute("aria-label", "Generations done");
  const best = element("span");
  const target = element("small", { className: "muted" });
  const steps = cell("Env-steps", "number");
  const elapsed = cell("Elapsed", "number");
  const link = element("a", { href: `/dashboard/${encodeURIComponent(id)}`, textContent: name });
  const node = element(
    "tr",
    {},
    cell("Name", "name", link),
    cell("Status", "", status),
    cell("Generation", "generation", element("div", {}, generation, bar)),
    cell("Best test return", "number", element("div", {}, best, " ", target)),
    steps,
    elapsed,
    cell("Environment", "", spec.environment.id),
    cell("Strategy", "", spec.strategy.name),
  );
  return { node, status, generation, bar, best, target, steps, elapsed };
}

function cell(label, className, ...children) {
  const node = element("td", { className }, ...children);
  node.dataset.label = label;
  return node;
}

function update(row, experiment) {
  const { stop } = experiment.spec;
  setStatus(row.status, experiment.status);
  row.status.title = experiment.reason;
  setText(row.generation, `${count(experiment.generation)} / ${count(stop.generations)}`);
  row.bar.value = experiment.generation / stop.generations;
  setText(row.best, score(experiment.best_test_return));
  setText(row.target, stop.test_return == null ? "" : `of ${given(stop.test_return)}`);
  row.best.className = reached(experiment) ? "reached" : "";
  setText(row.steps, short(experiment.environment_steps));
  setText(row.elapsed, duration(experiment.elapsed_seconds));
}
