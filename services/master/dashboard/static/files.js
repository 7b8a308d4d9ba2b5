// @ts-check
// An experiment's files: pictures shown, all of them to be downloaded.

import { byId, element, setText, show } from "./dom.js";
import { bytes, moment } from "./format.js";

const byNumber = new Intl.Collator("en", { numeric: true }); // model_20 before model_100

export function showFiles(api, files) {
  const list = byId("files");
  const stamp = JSON.stringify(files);
  show(byId("no-files"), files.length === 0);
  if (list.dataset.stamp === stamp) return;
  list.dataset.stamp = stamp;
  const pictures = files.filter((file) => file.name.endsWith(".png"));
  byId("pictures").replaceChildren(...pictures.map((file) => picture(api, file)));
  const inOrder = files.toSorted((a, b) => byNumber.compare(a.name, b.name));
  list.replaceChildren(...inOrder.map((file) => entry(api, file)));
}

function picture(api, file) {
  // The time in its address has the browser fetch it again once it has changed.
  const source = `${api.artifactUrl(file.name)}?at=${encodeURIComponent(file.modified_at)}`;
  const image = element("img", {
    src: source,
    alt: file.name.replace(".png", "").replaceAll("_", " "),
    loading: "lazy",
  });
  return element("a", { href: api.artifactUrl(file.name), target: "_blank", rel: "noreferrer" }, image);
}

function entry(api, file) {
  const link = element("a", { href: api.artifactUrl(file.name), textContent: file.name });
  const size = element("span", { className: "muted", textContent: bytes(file.bytes) });
  const time = element("time", { className: "muted", dateTime: file.modified_at });
  setText(time, moment(file.modified_at));
  return element("li", {}, link, size, time);
}
