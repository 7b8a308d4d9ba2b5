// @ts-check
// Key numbers in a row: a title, a value, and a note under it.

import { element, setText } from "./dom.js";

/** `update([[title, value, note], …])` shows so many tiles. */
export function createTiles(list) {
  const tiles = [];
  return {
    update(facts) {
      for (const [place, [title, value, note]] of facts.entries()) {
        tiles[place] ??= addTile(list);
        setText(tiles[place].title, title);
        setText(tiles[place].value, value);
        setText(tiles[place].note, note || "\u00a0");
      }
    },
  };
}

function addTile(list) {
  const tile = { title: element("dt"), value: element("dd"), note: element("dd", { className: "note" }) };
  list.append(element("div", { className: "tile" }, tile.title, tile.value, tile.note));
  return tile;
}
