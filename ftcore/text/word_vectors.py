"""Word vectors of one's own, where GloVe cannot be had: skip-gram over the texts at hand."""

import os
import random
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ftcore.data import ag_news, imdb
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task, drain
from ftcore.text.vocabulary import tokenize

_TICK = 500  # texts between two reports
_RATES = 0.025, 0.0001  # learning rate at the start and at the end, word2vec's own


def corpus(sources: Iterable[Path]) -> Iterator[str]:
    """Texts to train vectors on: reviews of aclImdb archives or folders, AG News rows.

    Of aclImdb only `train` is read, with `unsup`: vectors must not have seen the test reviews.
    """
    for source in sources:
        if not source.exists():
            raise UnfreezeError(f"{source} is not there: correct the path.")
        rows = source / "train.csv" if (source / "train.csv").is_file() else source
        if rows.suffix == ".csv":
            yield from (text for text, _ in ag_news.read_rows(rows))
            continue
        reviews = drain(imdb.read_reviews(source, ("train/pos", "train/neg", "train/unsup")))
        if not reviews:
            raise UnfreezeError(f"{source} has no reviews in aclImdb/train: give another archive.")
        yield from (text for _, text in reviews)


def train_vectors(
    texts: Iterable[str],
    out: Path,
    *,
    dim: int = 100,
    words: int = 30_000,
    epochs: int = 6,
    window: int = 8,
    least: int = 5,
    seed: int = 0,
    workers: int | None = None,
) -> Task[Path]:
    """Write vectors of at most `words` words to `out`, as GloVe does: the most frequent first.

    Words seen fewer than `least` times are left out. The same seed gives the same vectors with
    one worker only. Raises UnfreezeError.
    """
    from gensim.models import Word2Vec

    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".vectors-") as folder:
        tokens = Path(folder, "tokens.txt")
        count = yield from _write_tokens(texts, tokens, seed)
        model = Word2Vec(
            vector_size=dim,
            window=window,
            sg=1,
            negative=8,
            sample=1e-4,
            min_count=least,
            max_final_vocab=words,
            workers=workers or os.cpu_count() or 1,
            seed=seed,
        )
        model.build_vocab(corpus_file=str(tokens))
        if not len(model.wv):
            raise UnfreezeError(f"No word occurs {least} times in {count} texts: bring more texts.")
        start, end = _RATES
        for epoch in range(epochs):
            yield Progress("vectors", epoch, epochs, "epochs")
            model.train(
                corpus_file=str(tokens),
                total_words=model.corpus_total_words,
                epochs=1,
                start_alpha=start + (end - start) * epoch / epochs,
                end_alpha=start + (end - start) * (epoch + 1) / epochs,
            )
        yield Progress("vectors", epochs, epochs, "epochs")
        part = Path(folder, "vectors.txt")
        with part.open("w", encoding="utf-8") as file:
            for word, vector in zip(model.wv.index_to_key, model.wv.vectors, strict=True):
                file.write(f"{word} {' '.join(f'{value:.5g}' for value in vector)}\n")
        part.replace(out)
    return out


def _write_tokens(texts: Iterable[str], file: Path, seed: int) -> Task[int]:
    """One text a line, its tokens separated by spaces, as gensim reads them without the GIL.

    In random order, as neighbours in a corpus are of one class and the learning rate falls.
    """
    lines: list[str] = []
    for text in texts:
        lines.append(" ".join(tokenize(text)) + "\n")
        if len(lines) % _TICK == 0:
            yield Progress("reading", len(lines), None, "texts")
    random.Random(seed).shuffle(lines)
    file.write_text("".join(lines), encoding="utf-8")
    return len(lines)
