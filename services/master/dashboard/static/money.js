// @ts-check
// What core-hours cost, where the master has been told the price of one, in whatever currency that was.

import { money } from "./format.js";

const prices = Object.entries({ "": document.body.dataset.price, "on Spot": document.body.dataset.spotPrice })
  .filter(([, price]) => price !== undefined)
  .map(([where, price]) => ({ where, price: Number(price) }));

/** Whether anything costs anything here. */
export const priced = prices.length > 0;

/** "1.20, 0.36 on Spot", or the first of these; nothing where no price is known. */
export function costOf(coreHours, { first = false } = {}) {
  if (coreHours == null) return "";
  return prices
    .slice(0, first ? 1 : 2)
    .map(({ where, price }) => `${money(coreHours * price)} ${where}`.trim())
    .join(", ");
}

/** The same after "costs", for a note. */
export const costNote = (coreHours) => (priced && coreHours != null ? `costs ${costOf(coreHours)}` : "");
