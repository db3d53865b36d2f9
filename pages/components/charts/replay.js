// A finished experiment: its verdict and its curves, and both once more at any speed. The curves are those
// of live_chart.js, cut at a time; until the end the standings take the place of the verdict, and the answers
// to the watched sentences, which have a place of their own in the rest of the page, stand below the curves.

const SPEEDS = [1, 4, 16, 64];
const WATCHABLE = 25; // seconds that a replay takes at most, at the speed that it begins with
const FRAME = 90; // milliseconds from one drawing to the next

const STYLE = `
.uf-replay { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.9rem;
  font-family: var(--st-font); color: var(--st-text-color); font-size: 0.95rem; min-height: 2.6rem; }
.uf-replay button { all: unset; box-sizing: border-box; cursor: pointer; text-align: center;
  border: 1px solid var(--st-border-color); border-radius: var(--st-base-radius, 0.5rem);
  padding: 0.35rem 0.8rem; }
.uf-replay button:hover { border-color: var(--st-primary-color); color: var(--st-primary-color); }
.uf-replay button:focus-visible, .uf-replay input:focus-visible
  { outline: 2px solid var(--st-primary-color); outline-offset: 1px; }
.uf-replay .uf-play { min-width: 6.6rem; font-weight: 600; }
.uf-replay .uf-speeds { display: inline-flex; }
.uf-replay .uf-speeds button { border-radius: 0; margin-left: -1px; padding: 0.35rem 0.6rem; }
.uf-replay .uf-speeds button[aria-checked=true] { background: var(--st-primary-color); color: #fff;
  border-color: var(--st-primary-color); }
.uf-replay input { flex: 1 1 10rem; min-width: 8rem; accent-color: var(--st-primary-color); }
.uf-replay output { min-width: 8.5rem; text-align: right; font-variant-numeric: tabular-nums; }
.uf-curtain { display: grid; font-family: var(--st-font); color: var(--st-text-color);
  margin-bottom: 1rem; min-height: 6.5rem; }
.uf-curtain > * { grid-area: 1 / 1; }
.uf-replay .uf-hidden, .uf-curtain > .uf-hidden { visibility: hidden; }
.uf-verdict { max-width: 72rem; text-wrap: pretty; }
.uf-verdict h2 { all: unset; display: block; font-weight: 600; line-height: 1.5;
  font-size: clamp(1.25rem, 2.1vw, 1.9rem); margin-bottom: 0.6rem; }
.uf-verdict h2 span { border-bottom: 0.14em solid; }
.uf-verdict p { margin: 0; font-size: 1.1rem; line-height: 1.6; }
.uf-standings { align-self: center; }
.uf-standings p { margin: 0 0 0.4rem; font-size: 0.95rem; }
.uf-lanes { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, max-content));
  gap: 0.5rem 2rem; }
.uf-lanes div { border-left: 0.35rem solid; padding-left: 0.75rem; }
.uf-lanes b { display: block; font-size: clamp(1.6rem, 3vw, 2.6rem); line-height: 1.2;
  font-variant-numeric: tabular-nums; }
.uf-lanes small { font-size: 0.95rem; }
`;

// component: what Streamlit hands over; `chart` is the module live_chart.js.
export async function draw({ data, parentElement, setStateValue }, chart, plotlyAddress) {
  const view = (parentElement.ufReplay ??= build(parentElement));
  view.tell = (replaying) => {
    if (view.replaying !== replaying) setStateValue("replaying", (view.replaying = replaying));
  };
  view.paint = () => chart.show(view.stage, cut(view), plotlyAddress);
  const { paper } = chart.readTheme(parentElement);
  if (data && data.byteLength) load(view, chart.unpack(data), (colour) => chart.legible(colour, paper));
  const close = await view.paint();
  return () => {
    cancelAnimationFrame(view.frame);
    close?.();
  };
}

function build(parent) {
  const root = document.createElement("div");
  root.innerHTML = `<style>${STYLE}</style>
    <div class="uf-curtain">
      <div class="uf-verdict"><h2></h2></div>
      <div class="uf-standings uf-hidden">
        <p>Validation accuracy at this moment</p><div class="uf-lanes"></div>
      </div>
    </div>
    <div class="uf-replay" role="group" aria-label="Replay">
      <button type="button" class="uf-play"></button>
      <button type="button" class="uf-end" title="To the end">End</button>
      <span class="uf-speeds" role="radiogroup" aria-label="Speed"></span>
      <input type="range" min="0" max="1000" step="1" aria-label="Time">
      <output></output>
    </div>
    <div class="uf-stage"></div>`;
  parent.append(root);
  const find = (selector) => root.querySelector(selector);
  const view = {
    root, stage: find(".uf-stage"), play: find(".uf-play"), slider: find("input"),
    clock: find("output"), verdict: find(".uf-verdict"), standings: find(".uf-standings"),
    lanes: find(".uf-lanes"), end: find(".uf-end"),
    whole: null, time: Infinity, playing: false, replaying: false, speed: 0, frame: 0,
  };
  view.play.onclick = () => (view.playing ? pause(view) : start(view));
  view.end.onclick = () => {
    pause(view);
    seek(view, view.total);
  };
  view.slider.oninput = () => seek(view, (view.slider.value / 1000) * view.total);
  const speeds = find(".uf-speeds");
  for (const speed of SPEEDS) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "radio");
    button.textContent = `${speed}×`;
    button.onclick = () => choose(view, speed);
    button.dataset.speed = speed;
    speeds.append(button);
  }
  return view;
}

function load(view, whole, legible) {
  view.whole = whole;
  view.total = Math.max(...whole.curves.map((curve) => curve.t.at(-1) ?? 0));
  whole.head.ranges = ranges(whole.curves);
  view.watched = watched(whole.head);
  if (!view.speed) choose(view, SPEEDS.find((one) => view.total / one <= WATCHABLE) ?? 64);
  view.lanes.replaceChildren(...whole.head.runs.map((run) => {
    const item = document.createElement("div");
    item.style.borderColor = legible(run.colour);
    const name = document.createElement("small");
    name.textContent = run.label; // as text: a run's name may hold anything
    item.append(name, document.createElement("b"));
    return item;
  }));
  const { verdict, further } = whole.head.story;
  view.verdict.firstElementChild.replaceChildren(...verdict.map(([text, colour]) => {
    const part = document.createElement("span");
    part.textContent = text;
    part.style.borderColor = colour ? legible(colour) : "transparent";
    return part;
  }));
  view.verdict.replaceChildren(view.verdict.firstElementChild, ...further.map((text) => {
    const line = document.createElement("p");
    line.textContent = text;
    return line;
  }));
  label(view);
}

function choose(view, speed) {
  view.speed = speed;
  for (const button of view.root.querySelectorAll("[role=radio]")) {
    button.setAttribute("aria-checked", String(Number(button.dataset.speed) === speed));
  }
}

function start(view) {
  if (view.time >= view.total) view.time = 0;
  view.playing = true;
  view.tell(true);
  let before = performance.now();
  const tick = (now) => {
    if (!view.playing) return;
    if (now - before >= FRAME) {
      view.time += ((now - before) / 1000) * view.speed;
      before = now;
      if (view.time >= view.total) pause(view);
      paint(view);
      if (view.time >= view.total) view.tell(false);
    }
    view.frame = requestAnimationFrame(tick);
  };
  view.frame = requestAnimationFrame(tick);
  paint(view);
}

function pause(view) {
  view.playing = false;
  cancelAnimationFrame(view.frame);
  label(view);
}

function seek(view, time) {
  view.time = time;
  view.tell(time < view.total);
  paint(view);
}

function paint(view) {
  label(view);
  view.paint();
}

function label(view) {
  const over = view.time >= view.total;
  const time = Math.min(view.time, view.total);
  view.play.textContent = view.playing ? "❚❚ Pause" : over ? "▶ Replay" : "▶ Play";
  view.slider.value = String((1000 * time) / view.total);
  view.slider.setAttribute("aria-valuetext", said(time));
  view.clock.textContent = `${said(time)} of ${said(view.total)}`;
  view.verdict.classList.toggle("uf-hidden", !over);
  view.standings.classList.toggle("uf-hidden", over);
  view.end.classList.toggle("uf-hidden", over);
  const { head, curves } = view.whole;
  [...view.lanes.children].forEach((item, run) => {
    const curve = curves.find((one) =>
      one.run === run && one.metric === "accuracy" && one.split === "val");
    const seen = before(curve.t, time);
    item.querySelector("b").textContent = seen ? `${(100 * curve.y[seen - 1]).toFixed(1)}%` : "–";
    item.querySelector("small").textContent =
      head.runs[run].label + (seen && seen === curve.points ? ", done" : "");
  });
}

function said(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

// What had happened until the time of the view.
function cut(view) {
  const { head, curves } = view.time < view.total ? together(view.whole, view.watched) : view.whole;
  return {
    head,
    curves: curves.map((curve) => {
      const points = before(curve.t, view.time);
      const parts = curve.parts.map((part) => [part, curve[part].subarray(0, points)]);
      return { ...curve, points, ...Object.fromEntries(parts) };
    }),
  };
}

// The answers to the watched sentences as curves of further charts.
function watched({ story }) {
  const found = { metrics: {}, ranges: {}, curves: [] };
  story.watched.forEach(({ title, curves }, number) => {
    const metric = `watched-${number}`;
    found.metrics[metric] = title;
    found.ranges[metric] = [-0.02, 1.02];
    for (const { run, ...values } of curves) {
      const parts = Object.entries(values).map(([part, numbers]) => [part, Float32Array.from(numbers)]);
      found.curves.push({ run, metric, split: "val", points: values.x.length,
        parts: parts.map(([part]) => part), ...Object.fromEntries(parts) });
    }
  });
  return found;
}

function together({ head, curves }, more) {
  return {
    head: { ...head, further: more.metrics, ranges: { ...head.ranges, ...more.ranges } },
    curves: [...curves, ...more.curves],
  };
}

// How many of the times, ascending, are not after this one.
function before(times, time) {
  const after = times.findIndex((one) => one > time);
  return after < 0 ? times.length : after;
}

// The axes reach as far as the whole does, so that nothing moves while it grows.
function ranges(curves) {
  const found = { x: [0, 0] };
  for (const curve of curves) {
    const span = (found[curve.metric] ??= [Infinity, -Infinity]);
    for (const y of [...curve.y, ...(curve.low ?? []), ...(curve.high ?? [])]) {
      span[0] = Math.min(span[0], y);
      span[1] = Math.max(span[1], y);
    }
    found.x[1] = Math.max(found.x[1], curve.x.at(-1) ?? 0);
  }
  found.x[1] *= 1.02;
  for (const metric of ["loss", "accuracy"]) {
    const margin = 0.05 * (found[metric][1] - found[metric][0]) || 0.05;
    found[metric] = [found[metric][0] - margin, found[metric][1] + margin];
  }
  return found;
}
