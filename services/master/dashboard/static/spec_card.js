// @ts-check
// An experiment's specification as YAML, and how it differs from another run's.

import { experimentApi, rows } from "./api.js";
import { differences, shownValue } from "./differences.js";
import { byId, copyButton, element, makeTable, setText, show } from "./dom.js";
import { yaml } from "./format.js";

/** `update(experiment)` shows the specification as it is now. */
export function createSpecCard(id) {
  const select = byId("against");
  let spec = null;

  /** Say what went wrong; there is nothing to compare with. */
  function unanswered(error) {
    show(byId("difference"), true);
    byId("difference").replaceChildren(element("p", { className: "bad", textContent: error.message }));
    return null;
  }

  async function offerOthers() {
    if (select.options.length > 1) return;
    const found = await rows("limit=100").catch(unanswered);
    const others = (found?.experiments ?? []).filter((other) => other.id !== id);
    select.append(
      ...others.map((other) =>
        element("option", { value: other.id, textContent: `${other.name} (${other.id.slice(-6)})` }),
      ),
    );
  }

  async function showDifference() {
    const other = select.value;
    show(byId("difference"), other !== "");
    if (!other) return;
    const compared = await experimentApi(other).get().catch(unanswered);
    if (!compared) return;
    const found = differences([spec, compared.spec]);
    const lines = found.map(([field, ...values]) => [field, ...values.map(shownValue)]);
    const table = makeTable("Differences", ["Field", "This run", other], lines);
    byId("difference").replaceChildren(
      lines.length ? table : element("p", { className: "muted", textContent: "The two are set alike." }),
    );
  }

  copyButton(byId("copy"), () => byId("spec").textContent);
  select.addEventListener("focus", offerOthers);
  select.addEventListener("change", showDifference);
  return {
    update(experiment) {
      spec = experiment.spec;
      setText(byId("spec"), yaml(spec));
    },
  };
}
