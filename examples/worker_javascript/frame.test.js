// The published frames, read and written again: `node --test`.

import assert from "node:assert/strict";
import {readFileSync} from "node:fs";
import {test} from "node:test";
import {Damaged, decode, encode} from "./frame.js";

const {frames} = JSON.parse(readFileSync(new URL("../../docs/worker-vectors.json", import.meta.url)));

for (const [name, {hex, header, arrays}] of Object.entries(frames)) {
  test(`${name} is read as published, and what is written of it is read as the same`, () => {
    const read = decode(Buffer.from(hex, "hex"));
    for (const one of [read, decode(encode(read.header, read.arrays))]) {
      assert.deepEqual(one.header, header);
      assert.deepEqual(Object.keys(one.arrays).sort(), Object.keys(arrays));
      for (const [array, {shape, values}] of Object.entries(arrays)) {
        assert.deepEqual(one.arrays[array].shape, shape);
        assert.deepEqual(Array.from(one.arrays[array].values, (value) => (Number.isNaN(value) ? null : value)), values);
      }
    }
  });

  test(`${name} with a bit flipped is refused`, () => {
    const frame = Buffer.from(hex, "hex");
    for (const at of [0, 8, frame.length - 1]) {
      const damaged = Buffer.from(frame);
      damaged[at] ^= 1;
      assert.throws(() => decode(damaged), Damaged);
    }
  });
}
