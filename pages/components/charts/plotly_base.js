// What all charts share: plotly.js itself, the colours of the theme, the parts of a layout they all set.

const CONTRAST = 3; // of lines against the background, as WCAG 1.4.11 asks

export const CONFIG = { displaylogo: false, responsive: false, displayModeBar: "hover" };

let plotly;

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

// Releases a chart a moment later, as plotly.js throws when a chart is purged while it draws.
export function free(Plotly, plot) {
  setTimeout(() => Plotly.purge(plot));
}

// Fits plots to their width whenever that of `element` changes, unless they are hidden.
export function keepFitting(element, plots) {
  const observer = new ResizeObserver(() => {
    for (const plot of plots()) if (plot.data && plot.offsetParent) window.Plotly.Plots.resize(plot);
  });
  observer.observe(element);
  return observer;
}

export function readTheme(element) {
  const style = getComputedStyle(element);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    text: read("--st-text-color"), paper: read("--st-background-color"),
    line: read("--st-border-color"), font: read("--st-font"),
  };
}

export function themedLayout(theme) {
  const font = { family: theme.font, color: theme.text, size: 13 };
  return {
    autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font,
    hoverlabel: { bgcolor: theme.paper, bordercolor: theme.line, align: "left", font },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: "rgba(128,128,128,0.7)", activecolor: theme.text },
  };
}

export function themedAxis(theme) {
  return { gridcolor: theme.line, linecolor: theme.line, zeroline: false, automargin: true };
}

// The colour, mixed with black or white until it stands out from the background.
export function legible(colour, paper) {
  const background = luminance(channels(paper));
  const target = background > 0.5 ? 0 : 255;
  let mixed = channels(colour);
  for (let i = 0; i < 12 && contrast(luminance(mixed), background) < CONTRAST; i++) {
    mixed = mixed.map((value) => value + (target - value) * 0.08);
  }
  return `rgb(${mixed.map(Math.round).join(",")})`;
}

function channels(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)];
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
