// @ts-check
// The workers' environments, searched by words; a press on one puts it into the specification.

import { environments } from "./api.js";
import { byId, element, setText } from "./dom.js";
import { count, given } from "./format.js";

const PAUSE_MS = 200;
const AGAIN_MS = 1000;
const MOST = 12;

/** `choose(id)` is called with the environment that was pressed. */
export function createEnvironmentSearch(choose) {
  const input = byId("environment-text");
  let typing = null;
  let asked = "";

  async function look() {
    asked = input.value.trim();
    const text = asked;
    try {
      const { environments: found, total, complete } = await environments(text, MOST);
      if (text !== asked) return;
      byId("environments").replaceChildren(...found.map((one) => entry(one, choose)));
      const more = total > found.length ? `${count(found.length)} of ${count(total)}: go on typing` : "";
      const none = complete ? "No worker that answers has such an environment." : "The workers are being asked …";
      setText(byId("environments-note"), total ? more : none);
      if (!complete) {
        clearTimeout(typing);
        typing = setTimeout(look, AGAIN_MS);
      }
    } catch (error) {
      setText(byId("environments-note"), `They could not be asked for: ${error.message}`);
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(look, PAUSE_MS);
  });
  input.addEventListener("focus", look, { once: true });
}

function entry({ id, family, observation_size: seen, actions, reward_threshold: solved, refusal }, choose) {
  const button = element("button", {
    type: "button",
    className: "link",
    textContent: id,
    disabled: refusal !== null,
  });
  button.addEventListener("click", () => choose(id));
  const facts = [
    family,
    ...(seen === null ? [] : [`${count(seen)} observed`]),
    ...(actions === null ? [] : [told(actions)]),
    ...(solved === null ? [] : [`solved at ${given(solved)}`]),
  ];
  const note = element("small", { className: "muted", textContent: refusal ?? facts.join(" · ") });
  return element("li", {}, button, note);
}

function told({ low, count: choices, counts }) {
  if (low) return `${count(low.length)} continuous action${low.length === 1 ? "" : "s"}`;
  return choices ? `1 of ${count(choices)} actions` : `${count(counts.length)} discrete actions`;
}
