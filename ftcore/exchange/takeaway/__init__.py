"""One HTML file that holds models, tokenizers and labels, and answers without a network.

`export` writes it; `page` puts its parts together: weights (`tensors`), what is told of each model
(`figures`) and two JavaScript packages (`packages`). In the browser, `unpack.js` and `words.js` mirror
`tensors` and the tokenizer of words, and `page.js` answers.
"""
