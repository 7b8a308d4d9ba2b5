// The page of one experiment.

import { ApiError, experimentApi } from "./api.js";
import { createCharts } from "./charts.js";
import { byId, element, setStatus, setText, show } from "./dom.js";
import { bytes, count, moment, yaml } from "./format.js";
import { live } from "./live.js";
import { stopButton } from "./stop.js";
import { createTiles } from "./tiles.js";

const id = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
const api = experimentApi(id);
const charts = createCharts(api);
const tiles = createTiles(byId("tiles"));
let generations = [];
let test;

const refreshNow = live(refresh);
stopButton(api, refreshNow);

for (const radio of document.querySelectorAll("input[name=axis]")) {
  radio.addEventListener("change", () => {
    charts.choose(radio.value);
    refreshNow();
  });
}

byId("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(byId("spec").textContent);
  setText(byId("copy"), "Copied");
  setTimeout(() => setText(byId("copy"), "Copy YAML"), 1500);
});

async function refresh() {
  let experiment;
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
  const [progress, newestTest, files] = await Promise.all([
    active ? api.progress() : null,
    api.newestTest(),
    api.artifacts(),
    remember(experiment),
  ]);
  test = newestTest;
  showHeader(experiment, active);
  showProgress(progress);
  tiles.update(experiment, generations, test);
  showFiles(files);
  show(byId("loading"), false);
  show(byId("experiment"), true);
  const shown = await charts.refresh(`${experiment.generation} ${test?.generation}`);
  return active || !shown;
}

/** Keep the last two generations: for the last one's returns and the steps per second between them. */
async function remember(experiment) {
  if (generations.at(-1)?.generation === experiment.generation || experiment.generation === 0) return;
  generations = await api.newestGenerations(2);
}

function showHeader(experiment, active) {
  document.title = `${experiment.name} · Seedcast`;
  setText(byId("id"), experiment.id);
  setText(byId("name"), experiment.name);
  setStatus(byId("status"), experiment.status);
  const { environment, strategy, population_size, episodes_per_member } = experiment.spec;
  const episodes = episodes_per_member === 1 ? "" : ` × ${episodes_per_member} episodes`;
  const parameters = experiment.dimension === null ? "" : ` · ${count(experiment.dimension)} parameters`;
  const when = experiment.finished_at ? `ended ${moment(experiment.finished_at)}` : `started ${moment(experiment.created_at)}`;
  const about = `${environment.id} · ${strategy.name}, population ${count(population_size)}${episodes}${parameters} · ${when}`;
  setText(byId("about"), about);
  setText(byId("reason"), experiment.reason);
  show(byId("reason"), experiment.reason !== "");
  show(byId("stop"), active);
  setText(byId("spec"), yaml(experiment.spec));
}

function showProgress(progress) {
  show(byId("progress"), progress !== null);
  if (progress === null) return;
  const { generation, rollouts_done: done, rollouts } = progress;
  setText(byId("progress-text"), `Generation ${count(generation)}: ${count(done)} of ${count(rollouts)} rollouts`);
  byId("progress-bar").value = rollouts ? done / rollouts : 0;
}

function showFiles(files) {
  const list = byId("files");
  const stamp = JSON.stringify(files);
  show(byId("no-files"), files.length === 0);
  if (list.dataset.stamp === stamp) return;
  list.dataset.stamp = stamp;
  list.replaceChildren(
    ...files.map((file) => {
      const link = element("a", { href: api.artifactUrl(file.name), textContent: file.name });
      const size = element("span", { className: "muted", textContent: bytes(file.bytes) });
      const time = element("time", { className: "muted", dateTime: file.modified_at });
      setText(time, moment(file.modified_at));
      return element("li", {}, link, size, time);
    }),
  );
}
