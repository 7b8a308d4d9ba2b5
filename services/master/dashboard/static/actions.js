// @ts-check
// What can be done with an experiment, in the list and on its own page alike.

import { experimentApi, ROOT } from "./api.js";
import { ask } from "./dialogs.js";

/**
 * The actions that its status leaves, each { label, danger, run }. `run` resolves once it is done.
 * An experiment that is `blocked` is active: it can be paused and stopped.
 */
export function actionsOf({ id, name, status, active, note, tags }) {
  const api = experimentApi(id);
  const found = [];
  const add = (label, run, danger = false) => found.push({ label, run, danger });
  if (active) add("Pause", () => api.pause());
  if (["paused", "stopped", "failed"].includes(status)) add("Resume", () => api.resume());
  add("Clone", () => location.assign(`${ROOT}dashboard/submit?clone=${encodeURIComponent(id)}`));
  add("Edit", () => edit(api, { name, note, tags }));
  if (active || status === "paused") {
    add(
      "Stop",
      () =>
        ask({
          title: `Stop ${name}?`,
          text: "It ends at its last committed generation: what has been learnt is kept, the generation in the making is not. It can be resumed.",
          confirm: "Stop",
          danger: true,
          act: () => api.stop(),
        }),
      true,
    );
  }
  add(
    "Delete",
    () =>
      ask({
        title: `Delete ${name}?`,
        text: `Its history, models and files are removed for good${active ? ", and its training ends" : ""}. This cannot be undone.`,
        confirm: "Delete",
        danger: true,
        act: () => api.remove(),
      }),
    true,
  );
  return found;
}

function edit(api, { name, note, tags }) {
  const lines = Object.entries(tags)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n");
  return ask({
    title: "Edit",
    confirm: "Save",
    fields: [
      { name: "name", label: "Name", value: name },
      { name: "note", label: "Note", value: note, lines: 3 },
      { name: "tags", label: "Tags, one a line: name=value", value: lines, lines: 4 },
    ],
    act: (values) => api.change({ name: values.name.trim(), note: values.note, tags: parseTags(values.tags) }),
  });
}

/** Read tags, one a line; a line without "=" is a tag with the value "true". */
export function parseTags(text) {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => {
      const [key, ...rest] = line.split("=");
      return [key.trim(), rest.length ? rest.join("=").trim() : "true"];
    }),
  );
}
