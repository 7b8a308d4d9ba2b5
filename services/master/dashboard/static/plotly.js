// @ts-check
// plotly.js is a script of its own, which takes a while to begin: nothing but charts waits for it.

import { element } from "./dom.js";

/** Resolves to plotly.js, or rejects where it could not be loaded. */
export const plotly = new Promise((resolve, reject) => {
  const script = element("script", { src: new URL("./plotly.min.js", import.meta.url).href });
  script.addEventListener("load", () => resolve(/** @type {any} */ (globalThis).Plotly));
  script.addEventListener("error", () => reject(new Error("plotly.js could not be loaded")));
  document.head.append(script);
});
plotly.catch(() => {}); // whoever draws is told
