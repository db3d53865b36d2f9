// Draws the packed curves of live_chart.py and keeps the same charts alive between updates.

const HEIGHT = 320;
const CONTRAST = 3; // of lines, as WCAG 1.4.11 asks
const MARKED = 40; // points of a curve; more of them are not marked
const DASHES = { train: "dot", val: "solid", test: "solid" };
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
.uf-legend button, .uf-legend span { display: inline-flex; align-items: center; gap: 0.4rem; }
.uf-legend button { all: unset; box-sizing: border-box; display: inline-flex; align-items: center;
  gap: 0.4rem; cursor: pointer; border-radius: 0.3rem; padding: 0 0.2rem; }
.uf-legend button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.uf-legend button[aria-pressed=false] { opacity: 0.45; text-decoration: line-through; }
.uf-legend svg { width: 26px; height: 12px; flex: none; }
`;

let plotly;

// component: what Streamlit hands over; called again whenever the data or the theme has changed.
export async function draw({ data, parentElement }, plotlyAddress) {
  return data && data.byteLength ? show(parentElement, unpack(data), plotlyAddress) : undefined;
}

// Draws unpacked curves into an element; called again, it changes what is there.
export async function show(parentElement, { head, curves }, plotlyAddress) {
  library(plotlyAddress); // begins to load beside the legend
  const view = (parentElement.ufView ??= build(parentElement));
  const theme = readTheme(parentElement);
  fit(view, head);
  drawLegend(view, head, curves, theme, () => drawCharts(view, head, curves, theme));
  const Plotly = await library(plotlyAddress);
  if (parentElement.ufView !== view || !parentElement.isConnected) return;
  view.Plotly = Plotly;
  whenSeen(view, () => drawCharts(view, head, curves, theme));
  return () => {
    view.observer.disconnect();
    for (const plot of Object.values(view.plots)) free(Plotly, plot);
  };
}

// A tab in the background does not draw: the processor may be the one that trains.
function whenSeen(view, paint) {
  view.paint = paint;
  if (!document.hidden) return paint();
  if (view.waits) return;
  view.waits = true;
  document.addEventListener("visibilitychange", () => {
    view.waits = false;
    if (view.root.isConnected) view.paint();
  }, { once: true });
}

// plotly.js, fetched once for all charts of a page.
export function library(address) {
  return (plotly ??= window.Plotly ? Promise.resolve(window.Plotly) : new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("The chart library did not load; reload the page."));
    document.head.append(script);
  }));
}

// Lets go of a chart, a moment later: what plotly.js is drawing it draws to the end, or fails aloud.
export function free(Plotly, plot) {
  setTimeout(() => Plotly.purge(plot));
}

function build(parent) {
  const root = document.createElement("div");
  root.innerHTML = `<style>${STYLE}</style>
    <div class="uf-legend" role="group" aria-label="Curves"></div>
    <div class="uf-charts"></div><div class="uf-charts uf-further"></div>`;
  parent.append(root);
  const plots = {};
  const view = { root, plots, hidden: new Set(), Plotly: null };
  view.observer = new ResizeObserver(() => {
    for (const plot of Object.values(plots)) if (plot.data && plot.offsetParent) view.Plotly.Plots.resize(plot);
  });
  view.observer.observe(root);
  return view;
}

// A chart for each metric that there is now; `further` ones stand in rows of their own, so that those above
// stay where they are when they come and go.
function fit(view, { metrics, further = {} }) {
  for (const [metric, plot] of Object.entries(view.plots)) {
    if (metric in metrics || metric in further) continue;
    if (view.Plotly) free(view.Plotly, plot);
    plot.parentElement.remove();
    delete view.plots[metric];
  }
  for (const metric of [...Object.keys(metrics), ...Object.keys(further)]) {
    if (metric in view.plots) continue;
    const figure = document.createElement("figure");
    figure.innerHTML = `<figcaption class="uf-title"></figcaption><div class="uf-plot"></div>`;
    const rows = metric in further ? ".uf-further" : ".uf-charts";
    view.root.querySelector(rows).append(figure);
    view.plots[metric] = figure.lastElementChild;
    view.plots[metric].dataset.metric = metric;
  }
}

// The layout is told in `packed` of live_chart.py.
export function unpack(data) {
  const buffer = data.slice().buffer; // at an address that float32 may start from
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

export function readTheme(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    text: read("--st-text-color"),
    paper: read("--st-background-color"),
    line: read("--st-border-color"),
    font: read("--st-font"),
  };
}

function drawCharts(view, head, curves, theme) {
  if (!view.Plotly) return;
  for (const [metric, plot] of Object.entries(view.plots)) {
    plot.previousElementSibling.textContent = head.metrics[metric] ?? head.further[metric];
    const here = curves.filter((curve) => curve.metric === metric);
    const traces = [
      ...here.filter((curve) => curve.low && curve.split === "val")
        .map((curve) => band(curve, head, theme, view.hidden)),
      ...here.map((curve) => trace(curve, head, theme, view.hidden)),
    ];
    const empty = !traces.some((trace) => trace.x.length);
    view.Plotly.react(plot, traces, layout(metric, head, theme, empty), {
      displaylogo: false, responsive: false, displayModeBar: "hover",
      modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]],
    });
  }
}

function trace(curve, head, theme, hidden) {
  const run = head.runs[curve.run];
  const colour = legible(run.colour, theme.paper);
  const training = curve.split === "train";
  const alone = head.runs.length === 1;
  const name = SHORT_NAMES[curve.split];
  return {
    x: curve.x, y: curve.y, uid: `${run.id}-${curve.split}`,
    name: alone ? name : `${run.label}, ${name}`,
    type: "scatter",
    mode: curve.split === "test" ? "markers"
      : curve.points === 1 || (!training && curve.points <= MARKED) ? "lines+markers" : "lines",
    visible: !hidden.has(run.id), cliponaxis: false,
    line: { color: colour, width: training ? 1.25 : 2.5, dash: DASHES[curve.split] },
    marker: curve.split === "test"
      ? { color: colour, size: 12, symbol: "diamond-open", line: { width: 2.5 } }
      : { color: colour, size: 5 },
    ...(curve.low && curve.split === "test" ? { error_y: {
      type: "data", symmetric: false, color: colour, thickness: 1.5, width: 5,
      array: curve.high.map((high, i) => high - curve.y[i]),
      arrayminus: curve.low.map((low, i) => curve.y[i] - low),
    } } : {}),
    hovertemplate: curve.metric === "loss" ? "%{y:.3f}" : "%{y:.1%}",
  };
}

// From the lowest to the highest of several seeds.
function band(curve, head, theme, hidden) {
  const run = head.runs[curve.run];
  const colour = legible(run.colour, theme.paper).replace("rgb(", "rgba(").replace(")", ",0.18)");
  return {
    x: [...curve.x, ...[...curve.x].reverse()], y: [...curve.high, ...[...curve.low].reverse()],
    uid: `${run.id}-band`, type: "scatter", mode: "lines", line: { width: 0 },
    fill: "toself", fillcolor: colour, hoverinfo: "skip", visible: !hidden.has(run.id),
  };
}

function layout(metric, head, theme, empty) {
  const axis = {
    gridcolor: theme.line, linecolor: theme.line, zeroline: false, automargin: true,
    showticklabels: !empty,
  };
  return {
    height: HEIGHT, autosize: true, uirevision: head.revision, showlegend: false,
    margin: { l: 8, r: 12, t: 12, b: 8 },
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: theme.font, color: theme.text, size: 13 },
    hovermode: "x unified", 
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "rgba(128,128,128,0.7)", activecolor: theme.text },
    hoverlabel: { bgcolor: theme.paper, bordercolor: theme.line, font: { color: theme.text } },
    xaxis: {
      ...axis, title: { text: head.axis, standoff: 8, font: { size: 13 } }, showgrid: false,
      rangemode: "tozero", showspikes: false, ...(head.ranges && { range: head.ranges.x }),
    },
    yaxis: {
      ...axis, tickformat: metric === "loss" ? "" : ".0%", nticks: 6,
      ...(head.ranges && { range: head.ranges[metric] }),
    },
    annotations: empty
      ? [{ text: "The curve begins with the first evaluation", showarrow: false, xref: "paper",
          yref: "paper", x: 0.5, y: 0.5, opacity: 0.7 }]
      : [],
  };
}

// One legend for both charts: a button a run (where there are several), and what each kind of line is.
function drawLegend(view, head, curves, theme, redraw) {
  const legend = view.root.querySelector(".uf-legend");
  const splits = Object.keys(SPLIT_NAMES).filter((split) =>
    curves.some((curve) => curve.split === split && curve.points));
  const wanted = JSON.stringify([head.runs, splits, theme, [...view.hidden]]);
  view.redraw = redraw;
  if (legend.dataset.shows === wanted) return; // untouched, so that focus stays where it is
  legend.dataset.shows = wanted;
  const alone = head.runs.length === 1;
  const keyColour = alone ? legible(head.runs[0].colour, theme.paper) : theme.text;
  const items = alone ? [] : head.runs.map((run) => runButton(run, view, theme, legend));
  legend.replaceChildren(...items, ...splits.map((split) => {
    const item = document.createElement("span");
    item.innerHTML = swatch(split, keyColour) + SPLIT_NAMES[split];
    return item;
  }));
}

function runButton(run, view, theme, legend) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-pressed", String(!view.hidden.has(run.id)));
  button.innerHTML = swatch("val", legible(run.colour, theme.paper));
  button.append(run.label); // as text: a run's name may hold anything
  button.onclick = () => {
    if (!view.hidden.delete(run.id)) view.hidden.add(run.id);
    button.setAttribute("aria-pressed", String(!view.hidden.has(run.id)));
    legend.dataset.shows = "";
    view.redraw();
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

// The colour, mixed with black or white until it stands out from the background.
export function legible(colour, paper) {
  const back = luminance(channels(paper));
  const towards = back > 0.5 ? 0 : 255;
  let mixed = channels(colour);
  for (let i = 0; i < 12 && contrast(luminance(mixed), back) < CONTRAST; i++) {
    mixed = mixed.map((value) => value + (towards - value) * 0.08);
  }
  return `rgb(${mixed.map(Math.round).join(",")})`;
}

function channels(colour) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = colour;
  probe.fillRect(0, 0, 1, 1);
  return [...probe.getImageData(0, 0, 1, 1).data.slice(0, 3)];
}

function luminance(rgb) {
  const [r, g, b] = rgb.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a, b) {
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}
