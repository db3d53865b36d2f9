// The tokenizer of the lesson's model: the rules of ftcore/text/word_rules.py, and a vocabulary.

const UNKNOWN = 0;
const PADDING = 1; // a "<pad>" in a text is not padding
const SPACES = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u; // as Python's
const LINE_BREAK = /<[Bb][Rr][\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]*\/?>/gu;
// torchtext's basic_english, in its order
const BASIC_ENGLISH = [
  ["'", " '  "], ['"', ""], [".", " . "], ["<br />", " "], [",", " , "], ["(", " ( "], [")", " ) "],
  ["!", " ! "], ["?", " ? "], [";", " "], [":", " "],
];

export class WordTokenizer {
  // forms: ranges of characters with their plain form, see `word_forms.py`; null for the earlier rule.
  constructor(words, forms) {
    this.ids = new Map(words.map((word, id) => [word, id]));
    this.forms = forms;
    this.plain = new Map();
  }

  // The ids of the first `most` words; at least one.
  encode(text, most) {
    const ids = this.words(text).slice(0, most).map((word) => this.ids.get(word) ?? UNKNOWN);
    return ids.length ? ids.map((id) => (id === PADDING ? UNKNOWN : id)) : [UNKNOWN];
  }

  words(text) {
    let line = this.forms ? this.normalized(text) : text;
    line = line.toLowerCase();
    for (const [mark, replacement] of BASIC_ENGLISH) line = line.replaceAll(mark, replacement);
    return line.split(SPACES).filter(Boolean);
  }

  normalized(text) {
    const inPlainForms = (line) => Array.from(line, (char) => this.plainForm(char)).join("");
    return inPlainForms(inPlainForms(text.replace(LINE_BREAK, " ")).normalize("NFKC"));
  }

  plainForm(char) {
    if (!this.plain.has(char)) this.plain.set(char, this.findForm(char));
    return this.plain.get(char);
  }

  // Each range begins where the one before ends; a form's "\0" stands for the character itself.
  findForm(char) {
    const code = char.codePointAt(0);
    let low = 0, high = this.forms.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.forms[middle][0] <= code) low = middle;
      else high = middle - 1;
    }
    return this.forms[low][1].replace("\0", () => char);
  }
}
