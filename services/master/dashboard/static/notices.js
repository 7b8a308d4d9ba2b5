// @ts-check
// What has just been done, said at the foot of the page for a while, with a way back where there is one.

import { byId, element } from "./dom.js";

const SHOWN_MS = 12_000;
let timer;

/** Say `text`; `undo`, where there is one, is { label, run }: `run` takes it back. */
export function notice(text, undo = null) {
  const box = byId("notice");
  clearTimeout(timer);
  const parts = [element("span", { textContent: text })];
  if (undo) {
    const button = element("button", { type: "button", className: "link", textContent: undo.label });
    button.addEventListener("click", async () => {
      button.disabled = true;
      try {
        await undo.run();
        box.hidden = true;
      } catch (error) {
        notice(`${undo.label}: not done. ${error.message}`);
      }
    });
    parts.push(button);
  }
  box.replaceChildren(...parts);
  box.hidden = false;
  later();
  // Under a pointer or the focus it stays.
  box.onmouseenter = box.onfocusin = () => clearTimeout(timer);
  box.onmouseleave = box.onfocusout = later;
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    byId("notice").hidden = true;
  }, SHOWN_MS);
}
