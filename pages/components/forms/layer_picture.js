// Draws the layer groups as blocks that train, are adapted, train later or are frozen; a click can toggle a block.

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
.uf-block:is([data-state=frozen], [data-state=adapted]) { color: var(--st-text-color);
  background: repeating-linear-gradient(135deg, transparent 0 7px,
    color-mix(in srgb, var(--st-text-color) 9%, transparent) 7px 9px) var(--st-background-color); }
.uf-block[data-state=frozen] { border-color: var(--st-border-color); }
.uf-block[data-state=adapted] { border-left-width: 0.5rem; }
.uf-block b { font-weight: 600; flex: 1; min-width: 5rem; }
.uf-block i { font-style: normal; font-size: 0.85rem; text-align: right; font-variant-numeric: tabular-nums; }
.uf-block svg { width: 0.95rem; height: 0.95rem; flex: none; }
.uf-block:is([data-state=trains], [data-state=adapted]) .uf-cold,
.uf-block:not([data-state=trains], [data-state=adapted]) .uf-warm { display: none; }
.uf-row .uf-block { display: grid; grid-template-columns: 1fr auto; gap: 0 0.4rem; }
.uf-row .uf-block i { text-align: left; font-size: 0.8rem; grid-column: 1 / -1; }
.uf-row .uf-block svg { grid-area: 1 / 2; }
/* Many layers: small blocks, the upper row nearer to the answer; the size of a layer is in the caption. */
.uf-dense { display: grid; grid-template-columns: 1fr 1fr; gap: 0.3rem; }
.uf-dense > span, .uf-dense .uf-block[data-size=own] { grid-column: 1 / -1; }
.uf-dense.uf-row .uf-block[data-size=own] { grid-column: span 2; }
.uf-dense .uf-block[data-size=shared], .uf-dense.uf-row .uf-block { display: flex; gap: 0.3rem;
  padding: 0.15rem 0.4rem; min-height: 1.9rem; font-size: 0.9rem; white-space: nowrap; }
.uf-dense .uf-block[data-size=shared] i, .uf-dense.uf-row i { font-size: 0.75rem; text-align: right; }
.uf-dense .uf-block[data-size=shared] b { min-width: 0; }
.uf-dense .uf-block[data-size=shared] svg, .uf-dense.uf-row svg { width: 0.8rem; height: 0.8rem; }
button.uf-block { cursor: pointer; }
button.uf-block:hover { box-shadow: 0 0 0 2px color-mix(in srgb, var(--uf-colour) 45%, transparent); }
button.uf-block:focus-visible { outline: 2px solid var(--st-primary-color); outline-offset: 2px; }
@media (prefers-reduced-motion: no-preference) {
  .uf-block { transition: background-color 0.3s, border-color 0.3s, color 0.3s; }
}
`;
// A flame for groups that train, a snowflake for frozen ones, as in papers.
const ICONS = `
<svg class="uf-cold" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 1v14M1.9 4.5l12.2 7M1.9 11.5l12.2-7"
  fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round"/></svg>
<svg class="uf-warm" viewBox="0 0 16 16" aria-hidden="true"><path fill="currentColor" d="M8.6.8c.5 2.9 4.4 4.6
  4.4 9A5 5 0 0 1 8 15a5 5 0 0 1-5-5.1c0-2 .9-3.3 2-4.4.2 1.4.8 2.2 1.6 2.6C6.3 5.5 6.9 2.9 8.6.8z"/></svg>`;

// Called by Streamlit with the component, and again whenever its data has changed.
export function draw({ data, parentElement, setTriggerValue }) {
  const root = (parentElement.ufLayers ??= build(parentElement));
  if (!data) return;
  root.className = `uf-layers${data.row ? " uf-row" : ""}${data.shared ? " uf-dense" : ""}`;
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", "Layers of the model");
  root.style.setProperty("--uf-colour", data.colour);
  root.style.setProperty("--uf-text", data.text);
  const tag = data.clicks ? "BUTTON" : "DIV";
  let nodes = [...root.querySelectorAll(".uf-block")];
  // Nodes are reused where possible: they keep the focus and change their colour gently.
  if (nodes.length !== data.blocks.length || nodes.some((node) => node.tagName !== tag)) {
    nodes = data.blocks.map(() => createBlock(tag));
    root.replaceChildren(root.firstChild, ...withCaptions(nodes, data));
  }
  nodes.forEach((node, number) => {
    const block = data.blocks[number];
    node.dataset.state = block.state;
    const shared = data.shared && number > 0 && number < nodes.length - 1;
    const facts = `${block.count.toLocaleString("en")} · ${block.note}`;
    node.dataset.size = shared ? "shared" : "own";
    node.style.minHeight = data.row || shared ? "" : `${1.6 + 0.3 * Math.log10(block.count)}rem`;
    node.querySelector("b").textContent = block.title;
    node.querySelector("i").textContent = shared ? block.note : facts;
    node.title = shared ? `${block.title}: ${facts}` : "";
    if (!data.clicks) return;
    node.setAttribute("aria-pressed", String(block.state !== "frozen"));
    node.onclick = () => {
      block.state = block.state === "frozen" ? "trains" : "frozen";
      node.dataset.state = block.state; // before the server answers
      node.setAttribute("aria-pressed", String(block.state !== "frozen"));
      const chosen = data.blocks.filter(({ state }) => state !== "frozen");
      setTriggerValue("chosen", chosen.map(({ name }) => name));
    };
  });
}

function build(parent) {
  const root = document.createElement("div");
  root.innerHTML = `<style>${STYLE}</style>`;
  parent.append(root);
  return root;
}

function createBlock(tag) {
  const node = document.createElement(tag);
  node.className = "uf-block";
  if (tag === "BUTTON") node.type = "button";
  node.innerHTML = `${ICONS}<b></b><i></i>`;
  return node;
}

// A stack of blocks is read upwards, from the text to the answer.
function withCaptions(nodes, data) {
  const caption = (text) => Object.assign(document.createElement("span"), { textContent: text });
  const shared = data.shared ? [caption(data.shared)] : [];
  if (data.row) return [...nodes, ...shared];
  const hint = data.clicks ? [caption("Click a block to freeze it, or to let it train.")] : [];
  return [caption("answer ↑"), ...nodes, caption("text ↑"), ...shared, ...hint];
}
