// A finished experiment: its verdict and its curves, which can be replayed at any speed. The curves are those
// of live_chart.js, cut at a time. Until the end the standings replace the verdict, and the answers to the
// watched sentences, which the page otherwise shows elsewhere, stand below the curves.

const SPEEDS = [1, 4, 16, 64];
const PATIENCE = 25; // seconds that a replay takes at most, at the speed it begins with
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

// component: what Streamlit passes; `base` and `chart` are the modules plotly_base.js and live_chart.js.
export async function draw({ data, parentElement, setStateValue }, plotlyAddress, base, chart) {
  const view = (parentElement.ufReplay ??= build(parentElement));
  view.report = (replaying) => {
    if (view.replaying !== replaying) setStateValue("replaying", (view.replaying = replaying));
  };
  view.drawCurves = () => chart.show(view.stage, cut(view), plotlyAddress, base);
  const { paper } = base.readTheme(parentElement);
  if (data?.byteLength) load(view, chart.unpack(data), (colour) => base.legible(colour, paper));
  const close = await view.drawCurves();
  return () => {
    cancelAnimationFrame(view.frame);
    close?.();
  };
}

function build(parent) {
  const root = document.createElement("div");
  const speeds = SPEEDS.map((speed) =>
    `<button type="button" role="radio" data-speed="${speed}">${speed}×</button>`);
  root.innerHTML = `<style>${STYLE}</style>
    <div class="uf-curtain">
      <div class="uf-verdict"><h2></h2></div>
      <div class="uf-standings uf-hidden">
        <p></p><div class="uf-lanes"></div>
      </div>
    </div>
    <div class="uf-replay" role="group" aria-label="Replay">
      <button type="button" class="uf-play"></button>
      <button type="button" class="uf-end" title="To the end">End</button>
      <span class="uf-speeds" role="radiogroup" aria-label="Speed">${speeds.join("")}</span>
      <input type="range" min="0" max="1000" step="1" aria-label="Time">
      <output></output>
    </div>
    <div class="uf-stage"></div>`;
  parent.append(root);
  const find = (selector) => root.querySelector(selector);
  const view = {
    stage: find(".uf-stage"), play: find(".uf-play"), end: find(".uf-end"), slider: find("input"),
    clock: find("output"), verdict: find(".uf-verdict"), standings: find(".uf-standings"),
    lanes: find(".uf-lanes"), speeds: [...root.querySelectorAll("[role=radio]")],
    time: Infinity, playing: false, replaying: false, speed: 0, frame: 0,
  };
  view.play.onclick = () => (view.playing ? pause(view) : play(view));
  view.end.onclick = () => {
    pause(view);
    seek(view, view.total);
  };
  view.slider.oninput = () => seek(view, (view.slider.value / 1000) * view.total);
  for (const button of view.speeds) button.onclick = () => setSpeed(view, Number(button.dataset.speed));
  return view;
}

function load(view, { head, curves }, legible) {
  Object.assign(view, { head, curves, watched: watchedCurves(head.story.watched) });
  view.total = Math.max(...curves.map((curve) => curve.t.at(-1) ?? 0));
  head.ranges = ranges(curves);
  if (!view.speed) setSpeed(view, SPEEDS.find((speed) => view.total / speed <= PATIENCE) ?? 64);
  view.lanes.replaceChildren(...head.runs.map((run) => {
    const lane = document.createElement("div");
    lane.style.borderColor = legible(run.colour);
    lane.append(element("small", run.label), document.createElement("b"));
    return lane;
  }));
  const heading = view.verdict.firstElementChild;
  heading.replaceChildren(...head.story.verdict.map(([text, colour]) => {
    const part = element("span", text);
    part.style.borderColor = colour ? legible(colour) : "transparent";
    return part;
  }));
  view.verdict.replaceChildren(heading, ...head.story.further.map((text) => element("p", text)));
  const title = head.metrics[measure(head)];
  view.standings.firstElementChild.textContent = `On validation at this moment: ${title}`;
  showTime(view);
}

function element(tag, text) {
  const node = document.createElement(tag);
  node.textContent = text; // as text: a run's name may hold anything
  return node;
}

function setSpeed(view, speed) {
  view.speed = speed;
  for (const button of view.speeds) {
    button.setAttribute("aria-checked", String(Number(button.dataset.speed) === speed));
  }
}

function play(view) {
  if (view.time >= view.total) view.time = 0;
  view.playing = true;
  view.report(true);
  let last = performance.now();
  const tick = (now) => {
    if (!view.playing) return;
    if (now - last >= FRAME) {
      view.time += ((now - last) / 1000) * view.speed;
      last = now;
      if (view.time >= view.total) pause(view);
      paint(view);
      if (view.time >= view.total) view.report(false);
    }
    view.frame = requestAnimationFrame(tick);
  };
  view.frame = requestAnimationFrame(tick);
  paint(view);
}

function pause(view) {
  view.playing = false;
  cancelAnimationFrame(view.frame);
  showTime(view);
}

function seek(view, time) {
  view.time = time;
  view.report(time < view.total);
  paint(view);
}

function paint(view) {
  showTime(view);
  view.drawCurves();
}

// Everything but the curves: the controls, and the verdict or the standings.
function showTime(view) {
  const over = view.time >= view.total;
  const time = Math.min(view.time, view.total);
  view.play.textContent = view.playing ? "❚❚ Pause" : over ? "▶ Replay" : "▶ Play";
  view.slider.value = String((1000 * time) / view.total);
  view.slider.setAttribute("aria-valuetext", duration(time));
  view.clock.textContent = `${duration(time)} of ${duration(view.total)}`;
  view.verdict.classList.toggle("uf-hidden", !over);
  view.standings.classList.toggle("uf-hidden", over);
  view.end.classList.toggle("uf-hidden", over);
  [...view.lanes.children].forEach((lane, run) => {
    const curve = view.curves.find((curve) =>
      curve.run === run && curve.metric === measure(view.head) && curve.split === "val");
    const count = countUntil(curve.t, time);
    const done = count && count === curve.points ? ", done" : "";
    lane.querySelector("b").textContent = count ? `${(100 * curve.y[count - 1]).toFixed(1)}%` : "–";
    lane.querySelector("small").textContent = view.head.runs[run].label + done;
  });
}

// What the runs are compared by.
function measure(head) {
  return "macro_f1" in head.metrics ? "macro_f1" : "accuracy";
}

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}

// The curves until the time of the view, with those of the watched sentences before the end.
function cut({ head, curves, watched, time, total }) {
  if (time < total) {
    head = { ...head, further: watched.metrics, ranges: { ...head.ranges, ...watched.ranges } };
    curves = [...curves, ...watched.curves];
  }
  return {
    head,
    curves: curves.map((curve) => {
      const points = countUntil(curve.t, time);
      const parts = curve.parts.map((part) => [part, curve[part].subarray(0, points)]);
      return { ...curve, points, ...Object.fromEntries(parts) };
    }),
  };
}

// The watched sentences as further charts: their titles, ranges and curves.
function watchedCurves(sentences) {
  const charts = { metrics: {}, ranges: {}, curves: [] };
  sentences.forEach(({ title, curves }, number) => {
    const metric = `watched-${number}`;
    charts.metrics[metric] = title;
    charts.ranges[metric] = [-0.02, 1.02];
    for (const { run, ...values } of curves) {
      const parts = Object.entries(values).map(([part, numbers]) => [part, Float32Array.from(numbers)]);
      charts.curves.push({ run, metric, split: "val", points: values.x.length,
        parts: Object.keys(values), ...Object.fromEntries(parts) });
    }
  });
  return charts;
}

// How many of the times, ascending, are not after `time`.
function countUntil(times, time) {
  const after = times.findIndex((each) => each > time);
  return after < 0 ? times.length : after;
}

// The axes span the whole curves, so that nothing moves while they grow.
function ranges(curves) {
  const spans = { x: [0, 0] };
  for (const curve of curves) {
    const span = (spans[curve.metric] ??= [Infinity, -Infinity]);
    for (const y of [...curve.y, ...(curve.low ?? []), ...(curve.high ?? [])]) {
      span[0] = Math.min(span[0], y);
      span[1] = Math.max(span[1], y);
    }
    spans.x[1] = Math.max(spans.x[1], curve.x.at(-1) ?? 0);
  }
  spans.x[1] *= 1.02;
  for (const metric of Object.keys(spans).filter((name) => name !== "x")) {
    const margin = 0.05 * (spans[metric][1] - spans[metric][0]) || 0.05;
    spans[metric] = [spans[metric][0] - margin, spans[metric][1] + margin];
  }
  return spans;
}
