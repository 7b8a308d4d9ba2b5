// @ts-check
// The head of an experiment's page: what it is, where it stands, and what can be done with it.

import { actionsOf } from "./actions.js";
import { ROOT } from "./api.js";
import { byId, element, setStatus, setText, show } from "./dom.js";
import { chips } from "./experiment_rows.js";
import { count, moment } from "./format.js";
import { perform } from "./menu.js";
import { wordsOf } from "./words.js";

/** `update(experiment)` shows it; `lookAgain()` is called once something has been done. */
export function createHeader(api, lookAgain) {
  let actionsShown = "";
  let tagsShown = "";

  function showTags(tags) {
    const stamp = JSON.stringify(tags);
    if (stamp === tagsShown) return;
    tagsShown = stamp;
    byId("tags").replaceChildren(
      ...chips(tags, (tag) => location.assign(`${ROOT}?${new URLSearchParams({ tag })}`)),
    );
  }

  function showActions({ id, name, status, active, archived, note, spec: { tags } }) {
    const seen = { id, name, status, active, archived, note, tags };
    const stamp = JSON.stringify(seen);
    if (stamp === actionsShown) return;
    actionsShown = stamp;
    const focused = document.activeElement?.textContent;
    const buttons = actionsOf(seen, lookAgain).map(({ label, run, danger }) => {
      const button = element("button", {
        type: "button",
        className: danger ? "button danger" : "button",
        textContent: label,
      });
      button.addEventListener("click", () => perform(label, run, () => leaveOr(label)));
      return button;
    });
    byId("actions").replaceChildren(...buttons);
    buttons.find((button) => button.textContent === focused)?.focus();
  }

  async function leaveOr(label) {
    if (label === "Delete") {
      try {
        await api.get();
      } catch (error) {
        if (error.status === 404) return location.assign(ROOT);
      }
    }
    lookAgain();
  }

  return {
    update(experiment) {
      document.title = `${experiment.name} · Seedcast`;
      setText(byId("id"), experiment.id);
      setText(byId("name"), experiment.name);
      setStatus(byId("status"), experiment.status);
      show(byId("archived"), experiment.archived);
      setText(byId("about"), about(experiment));
      setText(byId("reason"), experiment.reason);
      show(byId("reason"), experiment.reason !== "");
      setText(byId("note"), experiment.note);
      show(byId("note"), experiment.note !== "");
      showTags(experiment.spec.tags);
      showActions(experiment);
    },
  };
}

function about({ spec, direction, dimension, created_at: created, finished_at: finished }) {
  const { environment, objective, strategy, population_size: size, episodes_per_member: each } = spec;
  const episodes = each === 1 ? "" : ` × ${each} ${wordsOf(spec).episodes}`;
  return [
    environment?.id ?? `${objective.id}, ${direction}d`,
    `${strategy.name}, population ${count(size)}${episodes}`,
    ...(dimension === null ? [] : [`${count(dimension)} parameters`]),
    finished ? `ended ${moment(finished)}` : `started ${moment(created)}`,
  ].join(" · ");
}
