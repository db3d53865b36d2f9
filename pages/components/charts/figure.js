// Draws a plotly figure given as JSON, keeps its node between updates, and saves it as a picture.

const PICTURE = { width: 1000, scale: 2 }; // pixels, and pixels of a PNG for each of them
const HEAD = { title: 56, caption: 28 }; // pixels above the plot in a picture
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

// component: what Streamlit passes; called again whenever the data or the theme changes.
// `base` is the module plotly_base.js.
export async function draw({ data, parentElement, setTriggerValue }, plotlyAddress, base) {
  const view = (parentElement.ufFigure ??= build(parentElement));
  if (!data) return;
  view.onClick = data.clicks ? (point) => setTriggerValue("clicked", point) : null;
  const Plotly = await show(view, data, plotlyAddress, base);
  return () => {
    view.observer?.disconnect();
    if (Plotly) base.free(Plotly, view.plot);
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
  const view = { root, plot: root.querySelector(".uf-still"), onClick: null, save: () => {} };
  for (const button of root.querySelectorAll("button")) {
    button.onclick = () => view.save(button.dataset.format);
  }
  return view;
}

// `data`: figure (JSON), name (of the files that pictures are saved in), clicks (whether they are reported).
export async function show(view, data, plotlyAddress, base) {
  const figure = JSON.parse(data.figure);
  const { title, ...layout } = figure.layout;
  view.root.dataset.clicks = String(data.clicks ?? false);
  view.root.querySelector("strong").textContent = textOf(title.text);
  view.root.querySelector("small").textContent = textOf(title.subtitle?.text);
  view.plot.style.minHeight = `${layout.height}px`; // so that nothing jumps once plotly.js has loaded
  const Plotly = await base.library(plotlyAddress);
  if (!view.root.isConnected) return null;
  const theme = base.readTheme(view.root);
  const legible = (colour) => (/^#/.test(colour) ? base.legible(colour, theme.paper) : colour);
  const traces = figure.data.map((trace) => themedTrace(trace, theme, legible));
  const themed = { uirevision: data.name, ...themedFigure(layout, theme, legible, base) };
  const fresh = !view.plot.data;
  await Plotly.react(view.plot, traces, themed, { ...base.CONFIG, modeBarButtons: [["resetScale2d"]] });
  view.save = (format) => Plotly.downloadImage(
    picture(traces, themed, title, theme),
    { format, filename: data.name, width: PICTURE.width, height: themed.height + headHeight(title),
      scale: format === "png" ? PICTURE.scale : 1 },
  );
  if (fresh) {
    view.plot.on("plotly_click", ({ points: [point] }) => view.onClick?.({
      x: point.x, y: point.y, customdata: point.customdata ?? null,
    }));
    view.observer = base.keepFitting(view.plot, () => [view.plot]);
  }
  return Plotly;
}

// The text of plotly's markup; a document that is only parsed loads and runs nothing.
function textOf(markup) {
  return new DOMParser().parseFromString(markup ?? "", "text/html").body.textContent;
}

function themedTrace(trace, theme, legible) {
  const themed = { ...trace };
  if (trace.type === "scattergl" && !hasWebGL()) themed.type = "scatter";
  if (trace.type === "heatmap") themed.textfont = { ...trace.textfont, color: theme.text };
  for (const part of ["line", "marker", "error_y"]) {
    if (typeof trace[part]?.color === "string") {
      themed[part] = { ...trace[part], color: legible(trace[part].color) };
    }
  }
  return themed;
}

let webGL;

function hasWebGL() {
  return (webGL ??= Boolean(document.createElement("canvas").getContext("webgl")));
}

function themedFigure(layout, theme, legible, base) {
  const themed = {
    ...layout, ...base.themedLayout(theme),
    // A finger on a chart scrolls the page.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
    shapes: (layout.shapes ?? []).map((shape) => ({
      ...shape, line: { ...shape.line, color: legible(shape.line?.color ?? theme.text) },
    })),
  };
  for (const name of Object.keys(layout).filter((name) => AXIS.test(name)).concat("xaxis", "yaxis")) {
    themed[name] = {
      ...base.themedAxis(theme), ...layout[name],
      title: { standoff: 10, ...layout[name]?.title, font: { size: 13 } },
    };
  }
  return themed;
}

function headHeight(title) {
  return HEAD.title + (title.subtitle?.text ? HEAD.caption : 0);
}

// A picture explains itself: it has the title and the caption, and the background of the page.
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
      margin: { ...layout.margin, l: 32, r: 32, t: headHeight(title) + (layout.margin?.t ?? 0), b: 16 },
    },
  };
}
