// @ts-check
// What can be done with an experiment, in the list and on its own page alike, and how it is taken back.

import { experimentApi, ROOT } from "./api.js";
import { ask } from "./dialogs.js";
import { notice } from "./notices.js";

/**
 * The actions that its status leaves, each { label, danger, run }. `run` resolves once it is done, and `after` is
 * called once one has been taken back, `gone` once it is deleted. An experiment that is `blocked` is active: it can be
 * paused and stopped.
 */
export function actionsOf({ id, name, status, active, archived, note, tags }, after, gone = () => {}) {
  const api = experimentApi(id);
  const found = [];
  const add = (label, run, danger = false) => found.push({ label, run, danger });
  const goBack = (label, run) => ({
    label,
    run: async () => {
      await run();
      await after();
    },
  });
  if (active)
    add("Pause", async () => {
      await api.pause();
      notice(`${name} is paused.`, goBack("Undo", api.resume));
    });
  if (["paused", "stopped", "failed"].includes(status)) add("Resume", () => api.resume());
  add("Clone", () => location.assign(`${ROOT}dashboard/submit?clone=${encodeURIComponent(id)}`));
  add("Study", () => location.assign(`${ROOT}dashboard/studies/new?of=${encodeURIComponent(id)}`));
  add("Edit", () => edit(api, { name, note, tags }, goBack));
  if (!active)
    add(archived ? "Take out of the archive" : "Archive", async () => {
      await api.change({ archived: !archived });
      notice(
        `${name} is ${archived ? "back in the list" : "archived"}.`,
        goBack("Undo", () => api.change({ archived })),
      );
    });
  if (active || status === "paused") add("Stop", () => stop(api, { name, active }, goBack), true);
  add("Delete", () => remove(api, { name, active, archived }, goBack, gone), true);
  return found;
}

async function stop(api, { name, active }, goBack) {
  const done = await ask({
    title: `Stop ${name}?`,
    text: "It ends at its last committed generation: what has been learnt is kept, the generation in the making is not. It can be resumed.",
    confirm: "Stop",
    danger: true,
    act: () => api.stop(),
  });
  // What was paused is not to train because somebody takes back a stop.
  if (done) notice(`${name} is stopped.`, active ? goBack("Undo", api.resume) : undefined);
}

async function remove(api, { name, active, archived }, goBack, gone) {
  const instead =
    active || archived ? null : { label: "Archive instead", act: () => api.change({ archived: true }) };
  const done = await ask({
    title: `Delete ${name}?`,
    text: `Its history, models and files are removed for good${active ? ", and its training ends" : ""}. This cannot be undone.`,
    confirm: "Delete",
    danger: true,
    instead,
    act: () => api.remove(),
  });
  if (done === "instead")
    notice(
      `${name} is archived.`,
      goBack("Undo", () => api.change({ archived: false })),
    );
  else if (done) {
    gone();
    notice(`${name} is deleted.`);
  }
}

/** Text as a field of a form gives it back. */
const oneKindOfEnds = (text) => text.replace(/\r\n?/g, "\n");

async function edit(api, before, goBack) {
  let after = {};
  const lines = Object.entries(before.tags)
    .map(([key, value]) => `${key}=${value}`)
    .join("\n");
  const done = await ask({
    title: "Edit",
    confirm: "Save",
    fields: [
      { name: "name", label: "Name", value: before.name },
      { name: "note", label: "Note", value: before.note, lines: 3 },
      { name: "tags", label: "Tags, one a line: name=value", value: lines, lines: 4 },
    ],
    act: (values) => {
      // Only what was changed: others may write here, too, and not every tag can be written as a line.
      after = {
        ...(values.name.trim() !== before.name && { name: values.name.trim() }),
        ...(oneKindOfEnds(values.note) !== oneKindOfEnds(before.note) && { note: values.note }),
        ...(oneKindOfEnds(values.tags) !== oneKindOfEnds(lines) && { tags: parseTags(values.tags) }),
      };
      return Object.keys(after).length ? api.change(after) : undefined;
    },
  });
  if (done && Object.keys(after).length) {
    const undone = Object.fromEntries(Object.keys(after).map((key) => [key, before[key]]));
    notice(
      "Saved.",
      goBack("Undo", () => api.change(undone)),
    );
  }
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
