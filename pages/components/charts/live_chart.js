// Draws the curves that live_chart.py packs, and keeps the same charts alive between updates.

const HEIGHT = 320;
const MARKED = 40; // points; a curve with more of them has no markers
const SPLIT_NAMES = { train: "training, mean of the last ¼ epoch", val: "validation", test: "test" };
const SHORT_NAMES = { ...SPLIT_NAMES, train: "training" };

const STYLE = `
.uf-charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
  gap: 0.5rem 1.5rem; font-family: var(--st-font); color: var(--st-text-color); }
.uf-charts figure { display: grid; grid-template: subgrid / minmax(0, 1fr); grid-row: span 2; row-gap: 0;
  margin: 0; }
.uf-further:not(:empty) { margin-top: 0.75rem; }
.uf-title { font-weight: 600; font-size: 0.95rem; margin: 0; }
.uf-plot { height: ${HEIGHT}px; }
.uf-legend { display: flex; flex-wrap: wrap; gap: 0.25rem 0.9rem; min-height: 1.75rem;
  align-items: center; font-family: var(--st-font); color: var(--st-text-color); font-size: 0.875rem; }
.uf-legend button { all: unset; box-sizing: border-box; cursor: pointer; border-radius: 0.3rem;
  padding: 0 0.2rem; }
.uf-legend button, .uf-legend span { display: inline-flex; align-items: center; gap: 0.4rem; }
.uf-legend button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.uf-legend button[aria-pressed=false] { opacity: 0.45; text-decoration: line-through; }
.uf-legend svg { width: 26px; height: 12px; flex: none; }
`;

// component: what Streamlit passes; called again whenever the data or the theme changes.
// `base` is the module plotly_base.js.
export async function draw({ data, parentElement }, plotlyAddress, base) {
  return data?.byteLength ? show(parentElement, unpack(data), plotlyAddress, base) : undefined;
}

// Draws unpacked curves into an element or updates those in it; returns a function that releases them.
export async function show(parentElement, { head, curves }, plotlyAddress, base) {
  const loading = base.library(plotlyAddress); // while the legend is drawn
  const view = (parentElement.ufView ??= build(parentElement, base));
  const theme = base.readTheme(parentElement);
  view.paint = () => drawCharts(view, head, curves, theme);
  arrange(view, head);
  drawLegend(view, head, curves, theme);
  const Plotly = await loading;
  if (parentElement.ufView !== view || !parentElement.isConnected) return;
  view.Plotly = Plotly;
  paintWhenVisible(view);
  return () => {
    view.observer.disconnect();
    for (const plot of Object.values(view.plots)) base.free(Plotly, plot);
  };
}

// A tab in the background does not draw, as that may slow down the training.
function paintWhenVisible(view) {
  if (!document.hidden) return view.paint();
  if (view.waiting) return;
  view.waiting = true;
  document.addEventListener("visibilitychange", () => {
    view.waiting = false;
    if (view.root.isConnected) view.paint();
  }, { once: true });
}

function build(parent, base) {
  const root = document.createElement("div");
  root.innerHTML = `<style>${STYLE}</style>
    <div class="uf-legend" role="group" aria-label="Curves"></div>
    <div class="uf-charts"></div><div class="uf-charts uf-further"></div>`;
  parent.append(root);
  const plots = {};
  const view = { root, plots, base, hidden: new Set(), Plotly: null };
  view.observer = base.keepFitting(root, () => Object.values(plots));
  return view;
}

// Adds and removes charts so that there is one for each metric; `further` ones stand in rows of their own, so
// that the first ones stay in place.
function arrange(view, { metrics, further = {} }) {
  for (const [metric, plot] of Object.entries(view.plots)) {
    if (metric in metrics || metric in further) continue;
    if (view.Plotly) view.base.free(view.Plotly, plot);
    plot.parentElement.remove();
    delete view.plots[metric];
  }
  for (const metric of [...Object.keys(metrics), ...Object.keys(further)]) {
    if (metric in view.plots) continue;
    const figure = document.createElement("figure");
    figure.innerHTML = `<figcaption class="uf-title"></figcaption><div class="uf-plot"></div>`;
    view.root.querySelector(metric in further ? ".uf-further" : ".uf-charts").append(figure);
    view.plots[metric] = figure.lastElementChild;
    view.plots[metric].dataset.metric = metric;
  }
}

// Reads the layout that `pack` in live_chart.py documents.
export function unpack(data) {
  const buffer = data.slice().buffer; // aligned for float32
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  const take = (count) => {
    const numbers = new Float32Array(buffer, at, count);
    at += 4 * count;
    return numbers;
  };
  const curves = head.curves.map((curve) => ({
    ...curve, ...Object.fromEntries(curve.parts.map((part) => [part, take(curve.points)])),
  }));
  return { head, curves };
}

function drawCharts(view, head, curves, theme) {
  if (!view.Plotly) return;
  const runs = head.runs.map((run) => ({
    ...run, colour: view.base.legible(run.colour, theme.paper), visible: !view.hidden.has(run.id),
    name: (split) => (head.runs.length === 1 ? SHORT_NAMES[split] : `${run.label}, ${SHORT_NAMES[split]}`),
  }));
  for (const [metric, plot] of Object.entries(view.plots)) {
    plot.previousElementSibling.textContent = head.metrics[metric] ?? head.further[metric];
    const shown = curves.filter((curve) => curve.metric === metric);
    const bands = shown.filter((curve) => curve.low && curve.split === "val");
    const traces = [
      ...bands.map((curve) => band(curve, runs[curve.run])),
      ...shown.map((curve) => trace(curve, runs[curve.run])),
    ];
    const empty = !traces.some((trace) => trace.x.length);
    view.Plotly.react(plot, traces, layout(metric, head, theme, empty, view.base), {
      ...view.base.CONFIG, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    });
  }
}

function trace(curve, run) {
  const { colour, visible } = run;
  const shared = {
    x: curve.x, y: curve.y, uid: `${run.id}-${curve.split}`, name: run.name(curve.split), type: "scatter",
    visible, cliponaxis: false, hovertemplate: curve.metric === "loss" ? "%{y:.3f}" : "%{y:.1%}",
  };
  if (curve.split === "test") {
    return {
      ...shared, mode: "markers",
      marker: { color: colour, size: 12, symbol: "diamond-open", line: { width: 2.5 } },
      ...(curve.low && { error_y: {
        type: "data", symmetric: false, color: colour, thickness: 1.5, width: 5,
        array: curve.high.map((high, i) => high - curve.y[i]),
        arrayminus: curve.low.map((low, i) => curve.y[i] - low),
      } }),
    };
  }
  const training = curve.split === "train";
  const marked = curve.points === 1 || (!training && curve.points <= MARKED);
  return {
    ...shared, mode: marked ? "lines+markers" : "lines", marker: { color: colour, size: 5 },
    line: { color: colour, width: training ? 1.25 : 2.5, dash: training ? "dot" : "solid" },
  };
}

// From the lowest to the highest of several seeds.
function band(curve, run) {
  return {
    x: [...curve.x, ...curve.x.toReversed()], y: [...curve.high, ...curve.low.toReversed()],
    uid: `${run.id}-band`, type: "scatter", mode: "lines", line: { width: 0 }, fill: "toself",
    fillcolor: run.colour.replace("rgb(", "rgba(").replace(")", ",0.18)"), hoverinfo: "skip",
    visible: run.visible,
  };
}

function layout(metric, head, theme, empty, base) {
  const axis = { ...base.themedAxis(theme), showticklabels: !empty };
  const note = {
    text: "The curve begins with the first evaluation", showarrow: false, opacity: 0.7,
    xref: "paper", yref: "paper", x: 0.5, y: 0.5,
  };
  return {
    ...base.themedLayout(theme), height: HEIGHT, uirevision: head.revision, showlegend: false,
    margin: { l: 8, r: 12, t: 12, b: 8 }, hovermode: "x unified",
    xaxis: {
      ...axis, title: { text: head.axis, standoff: 8, font: { size: 13 } }, showgrid: false,
      rangemode: "tozero", showspikes: false, ...(head.ranges && { range: head.ranges.x }),
    },
    yaxis: {
      ...axis, tickformat: metric === "loss" ? "" : ".1~%", nticks: 6,
      ...(head.ranges && { range: head.ranges[metric] }),
    },
    annotations: empty ? [note] : [],
  };
}

// One legend for all charts: a button for each of several runs, and the kinds of lines.
function drawLegend(view, head, curves, theme) {
  const legend = view.root.querySelector(".uf-legend");
  const splits = Object.keys(SPLIT_NAMES).filter((split) =>
    curves.some((curve) => curve.split === split && curve.points));
  const content = JSON.stringify([head.runs, splits, theme, [...view.hidden]]);
  if (legend.dataset.content === content) return; // unchanged, so that focus stays where it is
  legend.dataset.content = content;
  const colours = head.runs.map((run) => view.base.legible(run.colour, theme.paper));
  const alone = head.runs.length === 1;
  const buttons = alone ? [] : head.runs.map((run, i) => runButton(run, colours[i], view, legend));
  legend.replaceChildren(...buttons, ...splits.map((split) => {
    const item = document.createElement("span");
    item.innerHTML = swatch(split, alone ? colours[0] : theme.text) + SPLIT_NAMES[split];
    return item;
  }));
}

function runButton(run, colour, view, legend) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", String(!view.hidden.has(run.id)));
  button.innerHTML = swatch("val", colour);
  button.append(run.label); // as text: a run's name may hold anything
  button.onclick = () => {
    if (!view.hidden.delete(run.id)) view.hidden.add(run.id);
    button.setAttribute("aria-pressed", String(!view.hidden.has(run.id)));
    legend.dataset.content = "";
    view.paint();
  };
  return button;
}

function swatch(split, colour) {
  const shape = split === "test"
    ? `<path d="M13 1.5 17.5 6 13 10.5 8.5 6Z" fill="none" stroke="${colour}" stroke-width="2"/>`
    : `<path d="M1 6H25" stroke="${colour}" stroke-width="${split === "train" ? 1.5 : 2.5}"
        stroke-dasharray="${split === "train" ? "2 2.5" : ""}"/>`;
  return `<svg viewBox="0 0 26 12" aria-hidden="true">${shape}</svg>`;
}
