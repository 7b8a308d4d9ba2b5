// The binary frame of docs/worker-protocol.md: a safetensors container with a JSON header and a CRC-32.

import {crc32} from "node:zlib";

const KINDS = {
  F32: {make: Float32Array, tag: "<f4"},
  F64: {make: Float64Array, tag: "<f8"},
  I32: {make: Int32Array, tag: "<i4"},
};

export class Damaged extends Error {}

/** Return {header, arrays} of a frame; an array is {kind, shape, values}. */
export function decode(frame) {
  let header, metadata;
  const arrays = {};
  try {
    const start = 8 + Number(frame.readBigUInt64LE(0));
    const {__metadata__, ...tensors} = JSON.parse(frame.toString("utf8", 8, start));
    metadata = __metadata__;
    for (const [name, {dtype: kind, shape, data_offsets: [from, to]}] of Object.entries(tensors)) {
      const bytes = frame.subarray(start + from, start + to);
      const {make} = KINDS[kind];
      if (bytes.length !== shape.reduce((a, b) => a * b, 1) * make.BYTES_PER_ELEMENT) throw new Error(`${name} is cut off`);
      arrays[name] = {kind, shape, values: new make(Uint8Array.from(bytes).buffer)}; // a copy, which is aligned
    }
    header = JSON.parse(metadata.header);
  } catch (error) {
    throw new Damaged(`is not a Seedcast frame (${error.message})`);
  }
  if (metadata.crc32 !== checksum(metadata.header, arrays)) {
    throw new Damaged("is a Seedcast frame that was damaged on its way: its checksum differs");
  }
  return {header, arrays};
}

/** Return the frame of a header and arrays. */
export function encode(header, arrays) {
  const text = JSON.stringify(header);
  const tensors = {__metadata__: {header: text, crc32: checksum(text, arrays)}};
  const names = Object.keys(arrays).sort((a, b) => size(arrays[b]) - size(arrays[a])); // doubles first: all stay aligned
  let offset = 0;
  for (const name of names) {
    const {kind, shape, values} = arrays[name];
    tensors[name] = {dtype: kind, shape, data_offsets: [offset, (offset += values.byteLength)]};
  }
  let json = Buffer.from(JSON.stringify(tensors));
  json = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, " ")]);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...names.map((name) => bytesOf(arrays[name]))]);
}

function checksum(text, arrays) {
  let code = crc32(text);
  for (const name of Object.keys(arrays).sort()) {
    const {kind, shape} = arrays[name];
    const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`;
    code = crc32(`\0${name}\0${KINDS[kind].tag}\0${tuple}\0`, code);
    code = crc32(bytesOf(arrays[name]), code);
  }
  return code.toString(16).padStart(8, "0");
}

const size = ({values}) => values.BYTES_PER_ELEMENT;
const bytesOf = ({values}) => Buffer.from(values.buffer, values.byteOffset, values.byteLength);
