"""From texts to batches of token ids: tokenizer and vocabulary, truncation, word vectors, batches.

The only package that imports torchtext, and gensim where it is installed.
"""
