// Draws a plotly figure given as JSON, keeps its node between updates, and saves it as a picture.

const PICTURE = { width: 1000, scale: 2 }; // pixels, and how many of them a PNG has to each
const HEAD = { title: 56, caption: 28 }; // pixels above a picture's plot
const AXIS = /^[xy]axis\d*$/;

const STYLE = `
.uf-figure { margin: 0; font-family: var(--st-font); color: var(--st-text-color); }
.uf-figure figcaption { display: grid; grid-template-columns: 1fr auto; align-items: start;
  gap: 0 1rem; overflow-wrap: anywhere; }
.uf-figure strong { font-weight: 600; font-size: 1rem; line-height: 1.4; }
.uf-figure small { grid-column: 1 / -1; font-size: 0.875rem; line-height: 1.4; opacity: 0.75; }
.uf-figure small:empty { display: none; }
.uf-saves { display: flex; gap: 0.25rem; }
.uf-saves button { all: unset; box-sizing: border-box; cursor: pointer; font-size: 0.75rem;
  letter-spacing: 0.02em; line-height: 1; padding: 0.35rem 0.45rem; border-radius: 0.3rem;
  border: 1px solid var(--st-border-color); color: var(--st-text-color); }
.uf-saves button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
.uf-saves button:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.uf-figure[data-clicks=true] .nsewdrag { cursor: pointer; }
`;

// component: what Streamlit hands over; called again whenever the data or the theme has changed.
// `chart` is the module live_chart.js.
export async function draw({ data, parentElement, setTriggerValue }, chart, plotlyAddress) {
  const view = (parentElement.ufFigure ??= build(parentElement));
  if (!data) return;
  view.told = data.clicks ? (point) => setTriggerValue("clicked", point) : null;
  const Plotly = await show(view, data, chart, plotlyAddress);
  return () => {
    view.observer?.disconnect();
    if (Plotly) chart.free(Plotly, view.plot);
  };
}

export function build(parent) {
  const root = document.createElement("figure");
  root.className = "uf-figure";
  root.innerHTML = `<style>${STYLE}</style>
    <figcaption><strong></strong><div class="uf-saves">
      <button type="button" data-format="png" aria-label="Save as PNG">PNG</button>
      <button type="button" data-format="svg" aria-label="Save as SVG">SVG</button>
    </div><small></small></figcaption><div class="uf-still"></div>`;
  parent.append(root);
  const view = { root, plot: root.querySelector(".uf-still"), told: null, save: () => {} };
  for (const button of root.querySelectorAll("button")) {
    button.onclick = () => view.save(button.dataset.format);
  }
  return view;
}

// `data`: figure (JSON), name (of the files that pictures are saved in), clicks (whether they are told).
export async function show(view, data, chart, plotlyAddress) {
  const figure = JSON.parse(data.figure);
  const { title, ...layout } = figure.layout;
  view.root.dataset.clicks = String(data.clicks);
  view.root.querySelector("strong").textContent = words(title.text);
  view.root.querySelector("small").textContent = words(title.subtitle?.text);
  view.plot.style.minHeight = `${layout.height}px`; // before plotly.js is there, so that nothing jumps
  const Plotly = await chart.library(plotlyAddress);
  if (!view.root.isConnected) return null;
  const theme = chart.readTheme(view.root);
  const legible = (colour) => (/^#/.test(colour) ? chart.legible(colour, theme.paper) : colour);
  const traces = figure.data.map((trace) => coloured(trace, theme, legible));
  const themed = dressed(layout, theme, legible);
  themed.uirevision ??= data.name;
  const fresh = !view.plot.data;
  await Plotly.react(view.plot, traces, themed, {
    displaylogo: false, responsive: false, displayModeBar: "hover", modeBarButtons: [["resetScale2d"]],
  });
  view.save = (format) => Plotly.downloadImage(
    picture(traces, themed, title, theme),
    { format, filename: data.name, width: PICTURE.width, height: themed.height + head(title),
      scale: format === "png" ? PICTURE.scale : 1 },
  );
  if (fresh) {
    view.plot.on("plotly_click", ({ points: [point] }) => view.told?.({
      x: point.x, y: point.y, customdata: point.customdata ?? null,
    }));
    view.observer = new ResizeObserver(() => {
      if (view.plot.offsetParent) Plotly.Plots.resize(view.plot); // not while it is hidden
    });
    view.observer.observe(view.plot);
  }
  return Plotly;
}

// The text of plotly's markup; a document that is only parsed loads and runs nothing.
function words(markup) {
  return new DOMParser().parseFromString(markup ?? "", "text/html").body.textContent;
}

function coloured(trace, theme, legible) {
  const made = { ...trace };
  if (trace.type === "scattergl" && !hasWebGL()) made.type = "scatter";
  if (trace.type === "heatmap") made.textfont = { ...trace.textfont, color: theme.text };
  for (const part of ["line", "marker", "error_y"]) {
    if (typeof trace[part]?.color === "string") {
      made[part] = { ...trace[part], color: legible(trace[part].color) };
    }
  }
  return made;
}

let webGL;

function hasWebGL() {
  webGL ??= Boolean(document.createElement("canvas").getContext("webgl"));
  return webGL;
}

function dressed(layout, theme, legible) {
  const made = {
    ...layout, autosize: true,
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: theme.font, color: theme.text, size: 13 },
    hoverlabel: { bgcolor: theme.paper, bordercolor: theme.line, align: "left",
      font: { family: theme.font, color: theme.text, size: 13 } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "rgba(128,128,128,0.7)", activecolor: theme.text },
    // A finger on a chart scrolls the page.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    shapes: (layout.shapes ?? []).map((shape) => ({
      ...shape, line: { ...shape.line, color: legible(shape.line?.color ?? theme.text) },
    })),
  };
  for (const name of Object.keys(layout).filter((name) => AXIS.test(name)).concat("xaxis", "yaxis")) {
    made[name] = {
      gridcolor: theme.line, linecolor: theme.line, zeroline: false, automargin: true, ...layout[name],
      title: { standoff: 10, ...layout[name]?.title, font: { size: 13 } },
    };
  }
  return made;
}

function head(title) {
  return HEAD.title + (title.subtitle?.text ? HEAD.caption : 0);
}

// A picture says by itself what it shows: title and caption stand in it, on the page's background.
function picture(traces, themed, title, theme) {
  const { width, autosize, uirevision, ...layout } = themed;
  return {
    data: traces,
    layout: {
      ...layout, paper_bgcolor: theme.paper,
      showlegend: layout.showlegend || layout.meta?.legend === "picture",
      title: { text: title.text, x: 0, xref: "paper", y: 1, yref: "container", yanchor: "top",
        pad: { t: 16 }, font: { size: 20 },
        subtitle: { text: title.subtitle?.text ?? "", font: { size: 14 } } },
      margin: { ...layout.margin, l: 32, r: 32, t: head(title) + (layout.margin?.t ?? 0), b: 16 },
    },
  };
}
