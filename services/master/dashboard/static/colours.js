// @ts-check
// The page's colours for charts: read from the style sheet, so that a chart is right in a light page and in a dark one.

export const dark = matchMedia("(prefers-color-scheme: dark)");

export function colours() {
  const style = getComputedStyle(document.body);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    training: of("training"),
    test: of("test"),
    target: of("target"),
    bad: of("bad"),
    muted: of("muted"),
    grid: of("line"),
    card: of("card"),
    text: of("text"),
    font: style.fontFamily,
    band: dark.matches ? 0.34 : 0.2,
    faintBand: dark.matches ? 0.18 : 0.1,
    series: [1, 2, 3, 4, 5, 6, 7, 8].map((number) => of(`series-${number}`)),
  };
}

/** "#rrggbb" as a translucent colour. */
export function faint(colour, opacity) {
  const [red, green, blue] = [1, 3, 5].map((start) => parseInt(colour.slice(start, start + 2), 16));
  return `rgba(${red}, ${green}, ${blue}, ${opacity})`;
}
