// Loads the models that the page holds, and answers what is typed.

const PAUSE = 200; // ms without a key before a text is answered
const MOST_TOKENS = 4096; // ftcore/text/truncation.py
const MOST_BARS = 8; // classes with a bar each
const setup = JSON.parse(document.getElementById("setup").textContent);
const question = document.getElementById("question");
const state = document.getElementById("state");
let ort, asked = 0;

async function load() {
  ort = await importPacked("runtime");
  Object.assign(ort.env.wasm, {numThreads: 1, wasmBinary: await unpacked("wasm")});
  const packed = new Uint8Array(await unpacked("tensors"));
  const tensors = {};
  for (const [name, tensor] of Object.entries(setup.tensors))
    tensors[name] = tensorBytes(packed.subarray(tensor.start, tensor.start + tensor.bytes), tensor);
  const tokenizers = [];
  for (const tokenizer of setup.tokenizers) tokenizers.push(await loadTokenizer(tokenizer));
  const models = [];
  for (const model of setup.models) {
    const externalData = model.tensors.map((name) => ({path: name, data: tensors[name]}));
    const graph = new Uint8Array(await unpacked(model.graph));
    const session = await ort.InferenceSession.create(graph, {externalData});
    models.push({...model, session, tokenizer: tokenizers[model.tokenizer]});
  }
  return models;
}

async function loadTokenizer({vocabulary, forms, pieces}) {
  const content = JSON.parse(new TextDecoder().decode(await unpacked(vocabulary)));
  if (!pieces) return new WordTokenizer(content, forms);
  const {Tokenizer} = await importPacked("tokenizers");
  const tokenizer = new Tokenizer(content, {});
  return {
    encode: (text, most) => tokenizer.encode(text, {add_special_tokens: false}).ids.slice(0, most),
  };
}

// The ids that a model reads of a text: of a longer one its start and its end, see truncation.py.
function read(model, text) {
  const ids = model.tokenizer.encode(text, MOST_TOKENS);
  const {head, tail} = model;
  const kept = ids.length > head + tail ? [...ids.slice(0, head), ...ids.slice(ids.length - tail)] : ids;
  return {ids: [...model.start, ...kept, ...model.end], tokens: ids.length, read: kept.length};
}

async function answer(model, text) {
  const {ids, tokens, read: kept} = read(model, text);
  const whole = (values) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
  const clock = performance.now();
  const {logits} = await model.session.run({
    input_ids: whole(ids), attention_mask: whole(ids.map(() => 1)),
  });
  const milliseconds = performance.now() - clock;
  const scores = Array.from(logits.data, (score) => score / model.temperature);
  const shares = model.multi_label ? scores.map(sigmoid) : softmax(scores);
  return {title: model.title, ids, tokens, kept, shares, milliseconds, ...inWords(model, shares)};
}

function softmax(scores) {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const sum = powers.reduce((left, right) => left + right);
  return powers.map((power) => power / sum);
}

function sigmoid(score) {
  return 1 / (1 + Math.exp(-score));
}

// The label, or all labels above their thresholds; and what a calibrated model promises.
function inWords({labels, multi_label: several, thresholds, label_sets: sets}, shares) {
  const above = (limits) => labels.filter((_, place) => shares[place] >= limits[place]);
  if (several) return {label: above(thresholds).join(", ") || "no label"};
  const label = labels[shares.indexOf(Math.max(...shares))];
  if (!sets) return {label};
  const set = above(labels.map((name) => sets.thresholds[name]));
  const names = set.length < 2 ? set.join() : `${set.slice(0, -1).join(", ")} or ${set.at(-1)}`;
  const target = Number((100 * sets.target).toPrecision(6));
  return {label, promise: `${names || "No label"}, at ${target}%`, unsure: set.length !== 1};
}

function percent(share) {
  return `${(100 * share).toFixed(1)}%`;
}

function element(name, kind, text) {
  const made = document.createElement(name);
  made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
}

function show(card, model, result) {
  const said = element("p", "answer", result.label);
  if (result.promise) said.append(element("span", "promise", result.promise));
  if (result.unsure) said.append(element("span", "unsure", "not sure"));
  const places = model.labels.map((_, place) => place);
  if (places.length > MOST_BARS) places.sort((a, b) => result.shares[b] - result.shares[a]);
  const first = places.length > MOST_BARS ? MOST_BARS - 2 : MOST_BARS;
  const parts = [said, bars(model, result, places.slice(0, first))];
  if (places.length > first) {
    const rest = element("details", "");
    rest.append(element("summary", "", `${places.length - first} more`));
    rest.append(bars(model, result, places.slice(first)));
    parts.push(rest);
  }
  const cut = result.kept < result.tokens ? `, reads ${result.kept} of ${result.tokens} tokens` : "";
  parts.push(element("p", "quiet", `${result.milliseconds.toFixed(0)} ms${cut}`));
  card.querySelector(".result").replaceChildren(...parts);
}

function bars(model, {shares}, places) {
  const list = element("div", "bars");
  const most = Math.max(...shares);
  for (const place of places) {
    const bar = element("span", "bar");
    const fill = element("span", "fill");
    fill.style.width = percent(shares[place]);
    fill.style.background = model.colours[place];
    bar.append(fill);
    const kind = shares[place] === most ? "first" : "";
    list.append(element("span", kind, model.labels[place]), bar);
    list.append(element("span", "share", percent(shares[place])));
  }
  return list;
}

const loading = load();

// The numbers of all models, for the browser's console: await classify("a text")
globalThis.classify = async (text) => {
  const results = [];
  for (const model of await loading) results.push(await answer(model, text));
  return results;
};

async function ask() {
  const number = ++asked;
  await new Promise((resolve) => setTimeout(resolve, PAUSE));
  const models = await loading;
  const text = question.value;
  const cards = document.querySelectorAll(".model");
  for (const [place, model] of models.entries()) {
    if (number !== asked) return;
    if (text.trim()) show(cards[place], model, await answer(model, text));
    else cards[place].querySelector(".result").replaceChildren();
  }
}

// Other browsers have other versions of Unicode: compare a few texts with what Unfreeze computed.
async function check() {
  for (const {text, ids, shares} of setup.checks) {
    for (const [place, result] of (await classify(text)).entries()) {
      const far = result.shares.some((share, label) => Math.abs(share - shares[place][label]) > setup.tolerance);
      if (far || result.ids.join() !== ids[place].join()) return false;
    }
  }
  return true;
}

question.addEventListener("input", ask);
for (const example of document.querySelectorAll(".examples button"))
  example.addEventListener("click", () => {
    question.value = example.textContent;
    ask();
  });
try {
  await loading;
  state.textContent = "Ready. Nothing that you type leaves this page.";
  await ask();
  if (!(await check())) {
    state.className = "fault";
    state.textContent = "This browser computes other answers than Unfreeze did: try a newer one.";
  }
  state.dataset.checked = state.className !== "fault";
} catch (error) {
  state.className = "fault";
  state.textContent = `The model cannot be loaded in this browser: try a newer one. (${error.message})`;
}
