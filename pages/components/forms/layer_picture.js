// Draws the model block by block, what trains and what is frozen; where it is asked for, a click toggles one.

const STYLE = `
.uf-layers { display: flex; flex-direction: column; gap: 0.35rem; font-family: var(--st-font);
  color: var(--st-text-color); }
.uf-layers.uf-row { display: grid; gap: 0.4rem;
  grid-template-columns: repeat(auto-fit, minmax(min(9.5rem, 46%), 1fr)); }
.uf-layers > span { font-size: 0.8rem; opacity: 0.75; text-align: center; line-height: 1.3; }
.uf-block { all: unset; box-sizing: border-box; display: flex; align-items: center; gap: 0.5rem;
  padding: 0.3rem 0.75rem; border: 1.5px solid var(--uf-colour); border-radius: var(--st-base-radius, 0.5rem);
  background: var(--uf-colour); color: var(--uf-text); font-size: 0.95rem; line-height: 1.25; }
.uf-block[data-state=later] { color: var(--st-text-color); border-style: dashed;
  background: color-mix(in srgb, var(--uf-colour) 16%, transparent); }
.uf-block[data-state=frozen] { color: var(--st-text-color); border-color: var(--st-border-color);
  background: repeating-linear-gradient(135deg, transparent 0 7px,
    color-mix(in srgb, var(--st-text-color) 9%, transparent) 7px 9px) var(--st-background-color); }
.uf-block b { font-weight: 600; flex: 1; min-width: 5rem; }
.uf-block i { font-style: normal; font-size: 0.85rem; text-align: right; font-variant-numeric: tabular-nums; }
.uf-block svg { width: 0.95rem; height: 0.95rem; flex: none; }
.uf-block[data-state=trains] .uf-cold, .uf-block:not([data-state=trains]) .uf-warm { display: none; }
.uf-row .uf-block { display: grid; grid-template-columns: 1fr auto; gap: 0 0.4rem; }
.uf-row .uf-block i { text-align: left; font-size: 0.8rem; grid-column: 1 / -1; }
.uf-row .uf-block svg { grid-area: 1 / 2; }
button.uf-block { cursor: pointer; }
button.uf-block:hover { box-shadow: 0 0 0 2px color-mix(in srgb, var(--uf-colour) 45%, transparent); }
button.uf-block:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
@media (prefers-reduced-motion: no-preference) {
  .uf-block { transition: background-color 0.3s, border-color 0.3s, color 0.3s; }
}
`;
// Papers draw what trains as a flame and what is frozen as a snowflake.
const ICONS = `
<svg class="uf-cold" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1v14M1.9 4.5l12.2 7M1.9 11.5l12.2-7"
  fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/></svg>
<svg class="uf-warm" viewBox="0 0 16 16" aria-hidden="true"><path fill="currentColor" d="M8.6.8c.5 2.9 4.4 4.6
  4.4 9A5 5 0 0 1 8 15a5 5 0 0 1-5-5.1c0-2 .9-3.3 2-4.4.2 1.4.8 2.2 1.6 2.6C6.3 5.5 6.9 2.9 8.6.8z"/></svg>`;

// component: what Streamlit hands over; called again whenever the data has changed.
export function draw({ data, parentElement, setTriggerValue }) {
  const root = (parentElement.ufLayers ??= build(parentElement));
  if (!data) return;
  root.className = `uf-layers${data.row ? " uf-row" : ""}`;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Layers of the model");
  root.style.setProperty("--uf-colour", data.colour);
  root.style.setProperty("--uf-text", data.text);
  const tag = data.clicks ? "BUTTON" : "DIV";
  const shown = [...root.querySelectorAll(".uf-block")];
  const same = shown.length === data.blocks.length && shown.every((one) => one.tagName === tag);
  // The same nodes as before keep the focus, and change their colour gently.
  const nodes = same ? shown : data.blocks.map(() => block(tag));
  if (!same) root.replaceChildren(root.firstChild, ...framed(nodes, data));
  nodes.forEach((node, number) => {
    const one = data.blocks[number];
    node.dataset.state = one.state;
    node.style.minHeight = data.row ? "" : `${1.6 + 0.3 * Math.log10(one.count)}rem`;
    node.querySelector("b").textContent = one.title;
    node.querySelector("i").textContent = `${one.count.toLocaleString("en")} · ${one.note}`;
    if (!data.clicks) return;
    node.setAttribute("aria-pressed", String(one.state !== "frozen"));
    node.onclick = () => {
      node.dataset.state = one.state = one.state === "frozen" ? "trains" : "frozen"; // at once
      node.setAttribute("aria-pressed", String(one.state !== "frozen"));
      const chosen = data.blocks.filter((other) => other.state !== "frozen");
      setTriggerValue("chosen", chosen.map((other) => other.name));
    };
  });
}

function build(parent) {
  const root = document.createElement("div");
  root.innerHTML = `<style>${STYLE}</style>`;
  parent.append(root);
  return root;
}

function block(tag) {
  const node = document.createElement(tag);
  node.className = "uf-block";
  if (tag === "BUTTON") node.type = "button";
  node.innerHTML = `${ICONS}<b></b><i></i>`;
  return node;
}

// A stack is read from the text below to the answer above.
function framed(nodes, data) {
  if (data.row) return nodes;
  const hint = data.clicks ? "Click a block to freeze it, or to let it train." : "";
  const [above, below, last] = ["answer ↑", "text ↑", hint].map((words) => {
    const line = document.createElement("span");
    line.textContent = words;
    return line;
  });
  return [above, ...nodes, below, ...(hint ? [last] : [])];
}
