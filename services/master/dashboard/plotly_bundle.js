// @ts-nocheck
// What the charts use of plotly.js, and no more: `npm run bundle` makes static/plotly.min.js of it.
// As plotly.js/src/core.js, without sliders, buttons, selections, pictures, grids and what three dimensions need.

import "native-promise-only";
import "plotly.js/build/plotcss";
import annotations from "plotly.js/src/components/annotations";
import colorbar from "plotly.js/src/components/colorbar";
import colorscale from "plotly.js/src/components/colorscale";
import errorbars from "plotly.js/src/components/errorbars";
import fx from "plotly.js/src/components/fx";
import legend from "plotly.js/src/components/legend";
import modebar from "plotly.js/src/components/modebar";
import shapes from "plotly.js/src/components/shapes";
import english from "plotly.js/src/locale-en";
import american from "plotly.js/src/locale-en-us";
import methods from "plotly.js/src/plot_api";
import plots from "plotly.js/src/plots/plots";
import { register } from "plotly.js/src/registry";
import heatmap from "plotly.js/src/traces/heatmap";
import scatter from "plotly.js/src/traces/scatter";
import { version } from "plotly.js/src/version";

for (const [name, fn] of Object.entries(methods)) register({ moduleType: "apiMethod", name, fn });
// The legend comes after the shapes, hovering after the legend, as their defaults hang on those.
const components = [annotations, shapes, errorbars, colorscale, colorbar, legend, fx, modebar];
register([scatter, heatmap, ...components, english, american]);

const { react, relayout, restyle } = methods;
window.Plotly = { react, relayout, restyle, resize: plots.resize, version };
