// @ts-check
// A curve as small as a word: heights from 0 to 99, oldest first.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 88;
const HEIGHT = 24;

export function createSparkline() {
  const line = document.createElementNS(SVG, "polyline");
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("class", "sparkline");
  node.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  node.setAttribute("aria-hidden", "true");
  node.append(line);
  return {
    node,
    update(heights) {
      const step = WIDTH / Math.max(1, heights.length - 1);
      const points = heights.map(
        (height, i) => `${(i * step).toFixed(1)},${(HEIGHT - 2 - (height / 99) * (HEIGHT - 4)).toFixed(1)}`,
      );
      const text = points.length > 1 ? points.join(" ") : "";
      if (line.getAttribute("points") !== text) line.setAttribute("points", text);
    },
  };
}
