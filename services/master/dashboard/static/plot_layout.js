// @ts-check
// How a chart looks on plotly.js: its axes, their ranges, and the height that fits what is in view.

const LANE = 0.05; // Of a chart's height is a lane of events,
const GAP = 0.02; // and so much lies between all of them and the curves.

/** plotly.js' layout of a figure; `hidden` names traces that are switched off, `zoom` is [from, to] or null. */
export function layoutOf(figure, palette, hidden, zoom) {
  const axis = {
    gridcolor: palette.grid,
    linecolor: palette.grid,
    zeroline: false,
    automargin: true,
    exponentformat: "SI",
    ticks: "",
  };
  const range = figure.fixedX ? null : zoom;
  const lanes = figure.lanes?.length ?? 0;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: palette.font, size: 12, color: palette.muted },
    margin: { l: 8, r: 12, t: 34, b: 8 },
    legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", xanchor: "left" },
    showlegend: figure.traces.filter((trace) => trace.showlegend !== false).length > 1,
    hovermode: figure.hover ?? "x unified",
    hoversubplots: "axis",
    hoverlabel: { bgcolor: palette.card, bordercolor: palette.grid, font: { color: palette.text } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: palette.muted, activecolor: palette.training },
    barmode: "stack",
    // The same revision keeps hidden traces; ranges are set here each time.
    uirevision: "same",
    dragmode: "zoom",
    shapes: figure.shapes ?? [],
    annotations: figure.annotations ?? [],
    xaxis: {
      ...axis,
      title: { text: figure.x, standoff: 8 },
      uirevision: JSON.stringify([zoom, figure.x]),
      ...figure.xaxis,
      ...(lanes && { anchor: "y2" }),
      ...(range ? { range: [...range], autorange: false } : { autorange: true }),
    },
    yaxis: {
      ...axis,
      title: { text: figure.y, standoff: 8 },
      fixedrange: true,
      type: figure.log ? "log" : "linear",
      range: heightOf(figure, hidden, range),
      uirevision: Math.random(),
      domain: [lanes * LANE, 1],
      ...(figure.log && logTicks(heightOf(figure, hidden, range))),
      ...figure.yaxis,
    },
    ...(lanes && lanesOf(figure.lanes, axis)),
  };
}

/** The axis of the lanes below the curves. */
function lanesOf(lanes, axis) {
  return {
    yaxis2: {
      ...axis,
      domain: [0, lanes.length * LANE - GAP],
      range: [lanes.length - 0.5, -0.5],
      tickvals: lanes.map((_, i) => i),
      ticktext: lanes,
      tickfont: { size: 11 },
      showgrid: false,
      fixedrange: true,
    },
  };
}

/** Ticks of a logarithmic axis: decades, and 2 and 5 between them where it has few. */
const logTicks = ([low, high]) => ({ tickformat: ".3~g", dtick: high - low > 1.5 ? 1 : "D2" });

/** The range of the vertical axis that fits what is in view; a constant line gets room on both sides. */
export function heightOf({ traces, log, fromZero = false, include = [], height }, hidden, window) {
  if (height) return height;
  let low = Infinity;
  let high = -Infinity;
  const see = (value) => {
    if (value === null || value === undefined || !Number.isFinite(value) || (log && value <= 0)) return;
    if (value < low) low = value;
    if (value > high) high = value;
  };
  const stacks = new Map();
  for (const trace of traces) {
    if (hidden.has(trace.name) || !trace.y || trace.yaxis) continue;
    for (let i = 0; i < trace.y.length; i += 1) {
      const x = trace.x[i];
      if (window && (x < window[0] || x > window[1])) continue;
      if (trace.stackgroup) {
        stacks.set(x, (stacks.get(x) ?? 0) + (trace.y[i] ?? 0));
        continue;
      }
      const spread = trace.error_y?.visible === false ? 0 : (trace.error_y?.array?.[i] ?? 0);
      see(trace.y[i] + spread);
      see(trace.y[i] - spread);
    }
  }
  for (const value of stacks.values()) see(value);
  if (!window) include.forEach(see);
  if (fromZero && !log) see(0);
  if (low > high) return log ? [-1, 1] : [0, 1];
  if (log) [low, high] = [Math.log10(low), Math.log10(high)];
  const span = high - low;
  if (fromZero && low === 0 && high === 0) return [0, 1];
  if (span < Math.abs(high) * 1e-9 || span === 0) {
    const room = log ? 0.3 : Math.abs(high) * 0.1 || 1;
    return [low - room, high + room];
  }
  return [fromZero && low === 0 ? 0 : low - span * 0.05, high + span * 0.05];
}
