// @ts-check
// Questions that are asked before something is done. One dialog at a time, made when it is needed.

import { element, setText, show } from "./dom.js";

/**
 * Ask, and do `act(values)` if the answer is yes; a failure is said in the dialog, which then stays open.
 * A field is { name, label, value, lines }; `instead`, { label, act }, is a second thing that may be done.
 * Resolves to whether it was done, or to "instead".
 */
export function ask({ title, text = "", confirm, danger = false, fields = [], instead = null, act }) {
  return new Promise((resolve) => {
    const heading = element("h2", { id: "question", textContent: title });
    const failure = element("p", { className: "error", hidden: true });
    failure.setAttribute("role", "alert");
    const inputs = fields.map((field) => [field, input(field)]);
    const cancel = element("button", { className: "button", type: "button", textContent: "Cancel" });
    const go = element("button", {
      className: danger ? "button danger" : "button primary",
      type: "submit",
      textContent: confirm,
    });
    const other =
      instead && element("button", { className: "button", type: "button", textContent: instead.label });
    const labels = inputs.map(([field, node]) =>
      element("label", { className: "field column" }, field.label, node),
    );
    const actions = element("div", { className: "actions" }, cancel, ...(other ? [other] : []), go);
    const form = element(
      "form",
      { method: "dialog" },
      heading,
      ...(text ? [element("p", { textContent: text })] : []),
      ...labels,
      failure,
      actions,
    );
    const dialog = element("dialog", {}, form);
    dialog.setAttribute("aria-labelledby", "question");
    let done = false;

    async function attempt(work, outcome) {
      go.disabled = true;
      try {
        await work();
        done = outcome;
        dialog.close();
      } catch (error) {
        setText(failure, `It was not done: ${error.message}`);
        show(failure, true);
        go.disabled = false;
      }
    }

    cancel.addEventListener("click", () => dialog.close());
    other?.addEventListener("click", () => attempt(instead.act, "instead"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(() => act(Object.fromEntries(inputs.map(([field, node]) => [field.name, node.value]))), true);
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(done);
    });
    document.body.append(dialog);
    dialog.showModal();
    (inputs[0]?.[1] ?? cancel).focus();
  });
}

function input({ value = "", lines = 1 }) {
  return lines > 1 ? element("textarea", { value, rows: lines }) : element("input", { type: "text", value });
}
