// What a page holds in packed form: base64 of gzip in elements that no browser runs.

export async function unpacked(id) {
  const element = document.getElementById(id);
  const packed = await fetch(`data:application/gzip;base64,${element.textContent}`);
  element.remove(); // its text has served
  const stream = packed.body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

export async function importPacked(id) {
  const script = new Blob([await unpacked(id)], {type: "text/javascript"});
  return import(URL.createObjectURL(script));
}

// The bytes of a tensor in the form that ONNX stores, from the form that `tensors.py` packed it in.
export function tensorBytes(packed, {packing, columns}) {
  return PACKINGS[packing](packed, columns);
}

const PACKINGS = {
  plain: (packed) => packed,
  float: (packed) => joinPlanes(packed, 4),
  half: fromHalves,
  rows: fromRows,
};

// Byte i of each value lies in plane i, where equal bytes compress better.
function joinPlanes(packed, size) {
  const count = packed.length / size;
  const joined = new Uint8Array(packed.length);
  for (let plane = 0; plane < size; plane++)
    for (let place = 0; place < count; place++)
      joined[place * size + plane] = packed[plane * count + place];
  return joined;
}

// A scale for each row in fp32, then the integers: a weight is their product.
function fromRows(packed, columns) {
  const rows = packed.length / (columns + 4);
  const scales = new Float32Array(packed.slice(0, rows * 4).buffer);
  const integers = new Int8Array(packed.buffer, packed.byteOffset + rows * 4, rows * columns);
  const weights = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let place = row * columns; place < (row + 1) * columns; place++)
      weights[place] = integers[place] * scales[row];
  return bytesOf(weights);
}

function fromHalves(packed) {
  const value = Float32Array.from({length: 1 << 16}, (_, bits) => halfValue(bits));
  const halves = new Uint16Array(joinPlanes(packed, 2).buffer);
  const weights = new Float32Array(halves.length);
  for (let place = 0; place < halves.length; place++) weights[place] = value[halves[place]];
  return bytesOf(weights);
}

function halfValue(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

function bytesOf(array) {
  return new Uint8Array(array.buffer);
}
