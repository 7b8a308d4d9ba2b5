// @ts-check
// Films of an experiment's models: asked for here, made on a worker off the training path, and shown side by side.

import { byId, element, setText, show } from "./dom.js";
import { count, score } from "./format.js";

const SIDE_BY_SIDE = 4;

/** `update(files)` is called at each look, and `lookAgain()` from here: a page may have stopped looking. */
export function createFilms(api, lookAgain) {
  const model = element("select", {});
  model.setAttribute("aria-label", "Which model");
  const one = element("button", { type: "button", className: "button small", textContent: "Film it" });
  const several = element("button", { type: "button", className: "button small", textContent: "How it learnt" });
  several.title = `Films up to ${SIDE_BY_SIDE} generations, from the first to the last, on the same episode`;
  byId("film-controls").append(model, one, several);
  let offered = "";
  let names = [];
  let waiting = true;
  let shown = "";

  one.addEventListener("click", () => ask([model.value]));
  several.addEventListener("click", () => ask(spread(names, SIDE_BY_SIDE)));

  async function ask(models) {
    one.disabled = several.disabled = true;
    setText(byId("film-state"), "Asking a worker…");
    try {
      for (const name of models) await api.film(name);
      waiting = true;
      lookAgain();
    } catch (error) {
      setText(byId("film-state"), `Not filmed: ${error.message}`);
    } finally {
      one.disabled = several.disabled = false;
    }
  }

  async function look() {
    const jobs = (await api.jobs()).filter(({ kind }) => kind === "video");
    const under = jobs.filter(({ status }) => status === "pending" || status === "running").length;
    const failed = jobs.find(({ status }) => status === "failed");
    waiting = under > 0;
    const state = under
      ? `${count(under)} under way: a film is made in a slot that is idle.`
      : failed
        ? `The last failure: ${failed.reason}`
        : "";
    setText(byId("film-state"), state || (jobs.length ? "" : "Choose a model and have an episode of it filmed."));
    const done = jobs
      .filter(({ status, result }) => status === "done" && result?.artifact)
      .sort((a, b) => a.result.generation - b.result.generation);
    const films = [...new Map(done.map((job) => [job.result.artifact, job])).values()];
    const stamp = JSON.stringify(films.map(({ result }) => result.artifact));
    if (stamp === shown) return;
    shown = stamp;
    byId("best-film").replaceChildren(...films.slice(-1).map((job) => film(api, job)));
    byId("films").replaceChildren(...films.map((job) => film(api, job, { small: true })));
    show(byId("strip"), films.length > 1);
  }

  byId("play").addEventListener("click", () => {
    for (const video of byId("films").querySelectorAll("video")) {
      video.currentTime = 0;
      video.play();
    }
  });

  return {
    async update(files) {
      names = files
        .map(({ name }) => name)
        .filter((name) => /^model_\d+\.npz$/.test(name))
        .sort((a, b) => numberOf(a) - numberOf(b));
      const best = files.some(({ name }) => name === "best_model.npz") ? ["best_model.npz"] : [];
      show(byId("film"), best.length + names.length > 0);
      const stamp = JSON.stringify([best, names]);
      if (stamp !== offered) {
        const chosen = model.value;
        const options = [...best, ...names.toReversed()];
        model.replaceChildren(
          ...options.map((name) =>
            element("option", {
              value: name,
              textContent: name === "best_model.npz" ? "best model" : `generation ${count(numberOf(name))}`,
            }),
          ),
        );
        if (options.includes(chosen)) model.value = chosen;
        several.disabled = names.length < 2;
        offered = stamp;
      }
      if (waiting && !byId("film").hidden) await look();
      return waiting;
    },
  };
}

/** A small one has no controls, which would hide what it shows: a press plays it, another one holds it. */
function film(api, { result }, { small = false } = {}) {
  const video = element("video", {
    src: api.artifactUrl(result.artifact),
    controls: !small,
    loop: true,
    muted: true,
    playsInline: true,
    preload: "metadata",
  });
  const title = `Generation ${count(result.generation)}: a return of ${score(result.episode_return)}`;
  const caption = element("figcaption", { textContent: title });
  video.setAttribute("aria-label", title);
  if (!small) return element("figure", {}, video, caption);
  const press = element("button", { type: "button", className: "press", title: "Play or hold" }, video);
  press.setAttribute("aria-label", `Play or hold: ${title}`);
  press.addEventListener("click", () => (video.paused ? video.play() : video.pause()));
  return element("figure", {}, press, caption);
}

const numberOf = (name) => Number(/\d+/.exec(name)?.[0] ?? 0);

/** At most `most` of the items, the first and the last among them. */
function spread(items, most) {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.round((i * (items.length - 1)) / (most - 1))]);
}
