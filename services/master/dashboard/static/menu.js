// @ts-check
// A button that opens a list of actions, over everything else and closed by Escape or a click elsewhere.

import { ask } from "./dialogs.js";
import { element } from "./dom.js";

/** `actions()` is asked when the menu opens; `after()` is called once one is done. */
export function menuButton(label, actions, after) {
  const list = element("div", { className: "menu", popover: "auto" });
  const button = element("button", { className: "button small icon", type: "button", textContent: "⋯" });
  button.setAttribute("aria-label", label);
  button.setAttribute("aria-haspopup", "true");
  button.popoverTargetElement = list;
  list.addEventListener("beforetoggle", (event) => {
    if (event.newState !== "open") return;
    list.replaceChildren(...actions().map((action) => entry(action, list, after)));
    const place = button.getBoundingClientRect();
    list.style.top = `${Math.min(place.bottom + 4, innerHeight - 260)}px`;
    list.style.left = `${Math.max(8, place.right - 150)}px`;
  });
  list.addEventListener("toggle", (event) => event.newState === "open" && list.querySelector("button")?.focus());
  return element("span", {}, button, list);
}

function entry({ label, run, danger }, list, after) {
  const button = element("button", { type: "button", textContent: label, className: danger ? "danger" : "" });
  button.addEventListener("click", () => {
    list.hidePopover();
    perform(label, run, after);
  });
  return button;
}

/** Do it; a refusal is shown. */
export async function perform(label, run, after) {
  try {
    await run();
    await after();
  } catch (error) {
    ask({ title: `${label}: not done`, text: error.message, confirm: "OK", act: async () => {} });
  }
}
