"""Training of word vectors by gensim, an optional requirement: skip-gram (Mikolov et al. 2013)."""

import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from ftcore import validation
from ftcore.data import ag_news, imdb
from ftcore.errors import UnfreezeError
from ftcore.events import Noted, Progress, Task
from ftcore.storage import files, scratch
from ftcore.text import word_rules
from ftcore.text.vector_settings import VectorSettings

_REPORT_EVERY = 500  # texts
_FOLDERS = ("train/pos", "train/neg", "train/unsup")
_FIRST_RATE, _LAST_RATE = 0.025, 0.0001  # learning rates, the defaults of word2vec


def corpus(sources: Iterable[str]) -> Task[list[str]]:
    """Check the paths; return a task that reads their training texts, `unsup` included.

    Sources are aclImdb and AG News files. Raises UnfreezeError.
    """
    return _read([validation.existing_path(source) for source in sources])


def _read(paths: Sequence[Path]) -> Task[list[str]]:
    texts: list[str] = []
    for path in paths:
        rows = path / "train.csv" if (path / "train.csv").is_file() else path
        if rows.suffix.lower() == ".csv":
            rows_of_file, reading = yield from ag_news.read_file(rows)
            texts += rows_of_file.texts
        else:
            reviews, reading = yield from imdb.read_reviews(path, _FOLDERS)
            if not reviews:
                raise UnfreezeError(f"{path} has no reviews in aclImdb/train: give other texts.")
            texts += (text for _, text in reviews)
        for note in reading.notes:
            yield Noted(note)
    return texts


def train_vectors(
    texts: Task[list[str]],
    settings: VectorSettings,
    min_count: int = 5,
    workers: int | None = None,
) -> Task[Path]:
    """Write the vectors of the most frequent words, seen `min_count` times, to a new file.

    `texts` is a task, so that all else is checked before they are read.

    The same seed gives the same vectors only with one worker. Raises UnfreezeError.
    """
    out = validation.expand_home(settings.out)
    files.check_free(out)
    files.check_writable(out.parent)
    try:
        from gensim.models import Word2Vec
    except ImportError as error:
        message = "Training word vectors needs gensim: pip install -r requirements-vectors.txt"
        raise UnfreezeError(message) from error
    with scratch.folder(out.parent) as folder:
        tokens = folder / "tokens.txt"
        count = yield from _write_tokens((yield from texts), tokens, settings.seed)
        model = Word2Vec(
            vector_size=settings.dim,
            window=settings.window,
            sg=1,
            negative=8,
            sample=1e-4,
            min_count=min_count,
            max_final_vocab=settings.words,
            workers=workers or os.cpu_count() or 1,
            seed=settings.seed,
        )
        model.build_vocab(corpus_file=str(tokens))
        if not len(model.wv):
            raise UnfreezeError(f"No word occurs {min_count} times in {count} texts: give more.")
        epochs = settings.epochs
        for epoch in range(epochs):
            yield Progress("vectors", epoch, epochs, "epochs")
            start, end = (_learning_rate(n / epochs) for n in (epoch, epoch + 1))
            size = {"corpus_file": str(tokens), "total_words": model.corpus_total_words}
            model.train(**size, epochs=1, start_alpha=start, end_alpha=end)
        yield Progress("vectors", epochs, epochs, "epochs")
        part = folder / "vectors.txt"
        with part.open("w", encoding="utf-8") as file:
            for word, vector in zip(model.wv.index_to_key, model.wv.vectors, strict=True):
                file.write(f"{word} {' '.join(f'{value:.5g}' for value in vector)}\n")
        part.replace(out)
    return out


def _learning_rate(progress: float) -> float:
    return _FIRST_RATE + (_LAST_RATE - _FIRST_RATE) * progress


def _write_tokens(texts: Iterable[str], file: Path, seed: int) -> Task[int]:
    """Write one text a line, its tokens separated by spaces, which gensim reads without the GIL.

    Texts are shuffled, as neighbours share a class and the rate decays. Returns their number.
    """
    tokenize = word_rules.CURRENT.tokenize
    lines: list[str] = []
    for text in texts:
        lines.append(" ".join(tokenize(text)) + "\n")
        if len(lines) % _REPORT_EVERY == 0:
            yield Progress("reading", len(lines), None, "texts")
    random.Random(seed).shuffle(lines)
    file.write_text("".join(lines), encoding="utf-8")
    return len(lines)
