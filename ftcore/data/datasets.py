"""IMDB, AG News and the built-in sample, each as one TextDataset."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ftcore import paths, validation
from ftcore.data import readers, sample
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.storage import downloads

TITLES = {
    "sample": "Built-in sample (synthetic)",
    "imdb": "IMDB film reviews",
    "ag_news": "AG News",
}
NAMES = tuple(TITLES)

SENTIMENTS = ("negative", "positive")
TOPICS = ("World", "Sports", "Business", "Sci/Tech")
LABELS = {"sample": SENTIMENTS, "imdb": SENTIMENTS, "ag_news": TOPICS}

# Size and MD5 of what the publishers serve; a mirror that a setting names is not held to them.
_OFFICIAL = {
    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz": (
        84_125_825,
        "7c2ac02c03563afcf9b574c7e56c153a",
    ),
    "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/train.csv": (
        29_470_338,
        "b1a00f826fdfbd249f79597b59e1dc12",
    ),
    "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/test.csv": (
        1_857_427,
        "d52ea96a97a2d943681189a97654912d",
    ),
}
_DOWNLOADED = {
    "imdb": ("aclImdb_v1.tar.gz",),
    "ag_news": ("ag_news_csv/train.csv", "ag_news_csv/test.csv"),
}
_TICK = 500  # texts between two reports
_VALIDATION = 0.05  # share of the training texts, as in the lesson


@dataclass(frozen=True)
class Texts:
    """Texts and their labels (positions in `TextDataset.labels`), aligned."""

    texts: list[str]
    labels: list[int]


@dataclass(frozen=True)
class TextDataset:
    """A dataset with its official test part; `source` tells a person where it is from."""

    name: str
    title: str
    labels: tuple[str, ...]
    train: Texts
    test: Texts
    source: str
    synthetic: bool
    fingerprint: str


def load(name: str, source: str = "") -> Task[TextDataset]:
    """Read a dataset from `source` (archive or folder), or from its publisher where that is empty.

    Raises UnfreezeError.
    """
    if name == "sample":
        train, train_labels, test, test_labels = sample.generate()
        parts = Texts(train, train_labels), Texts(test, test_labels)
        return _dataset(name, SENTIMENTS, *parts, "written by Unfreeze")
    if name == "imdb":
        return (yield from _imdb(source))
    if name == "ag_news":
        return (yield from _ag_news(source))
    raise UnfreezeError(f"There is no dataset {name!r}; choose one of {', '.join(NAMES)}.")


def is_available(name: str, source: str = "") -> bool:
    """Whether a dataset can be read now, without a download."""
    if name == "sample":
        return True
    if source:
        try:
            return validation.existing_path(source).exists()
        except UnfreezeError:
            return False
    return name in _DOWNLOADED and all(file.is_file() for file in download_paths(name))


def download_paths(name: str) -> list[Path]:
    """The files of a dataset that are fetched from its publisher, there or not."""
    return [paths.downloads_dir() / file for file in _DOWNLOADED[name]]


def split(dataset_size: int, seed: int, limit: int = 0) -> tuple[list[int], list[int]]:
    """Rows to train on, in random order, and to validate on: the lesson's 95/5, by seed.

    `limit` cuts the first part alone, so runs of any limit share the validation rows.
    """
    if dataset_size < 2:
        raise UnfreezeError("One text cannot be split; bring at least two training texts.")
    rows = np.random.default_rng(seed).permutation(dataset_size).tolist()
    validation = max(1, dataset_size - int(dataset_size * (1 - _VALIDATION)))
    train, val = rows[:-validation], rows[-validation:]
    return train[: limit or None], val


def split_fingerprint(dataset: TextDataset, train: list[int], val: list[int]) -> str:
    """What two runs share if, and only if, they saw the same texts in the same two parts."""
    digest = hashlib.sha256(dataset.fingerprint.encode())
    for rows in (sorted(train), sorted(val)):
        digest.update(np.array([len(rows), *rows], dtype="<i8").tobytes())
    return digest.hexdigest()[:16]


def _imdb(source: str) -> Task[TextDataset]:
    if source:
        path = validation.existing_path(source)
        found = yield from _labelled_reviews(path)
        return _dataset("imdb", SENTIMENTS, *found, str(path))
    url = paths.imdb_url()
    path = yield from _download(url, download_paths("imdb")[0])
    try:
        found = yield from _labelled_reviews(path)
    except UnfreezeError:
        path.unlink(missing_ok=True)  # a mirror's file that is no archive must not be found again
        raise
    return _dataset("imdb", SENTIMENTS, *found, url)


def _labelled_reviews(path: Path) -> Task[tuple[Texts, Texts]]:
    folders = ("train/neg", "train/pos", "test/neg", "test/pos")
    found = yield from readers.reviews(path, folders)
    by_folder: dict[str, list[str]] = {folder: [] for folder in folders}
    for name, text in found:
        by_folder[name.rpartition("/")[0]].append(text)
    for folder, texts in by_folder.items():
        if not texts:
            raise UnfreezeError(
                f"{path} has no reviews in aclImdb/{folder}: "
                "give the official archive, or the folder unpacked from it."
            )
    train, test = (
        Texts(negative + positive, [0] * len(negative) + [1] * len(positive))
        for negative, positive in (
            (by_folder["train/neg"], by_folder["train/pos"]),
            (by_folder["test/neg"], by_folder["test/pos"]),
        )
    )
    return train, test


def _ag_news(source: str) -> Task[TextDataset]:
    files: dict[str, Path] = {}
    for part, target in zip(("train", "test"), download_paths("ag_news"), strict=True):
        if source:
            path = validation.existing_path(source)
            files[part] = (path if path.is_dir() else path.parent) / f"{part}.csv"
            if not files[part].is_file():
                raise UnfreezeError(
                    f"{source} has no {part}.csv: give the folder that holds train.csv and test.csv."
                )
        else:
            url = f"{paths.ag_news_url().rstrip('/')}/{part}.csv"
            files[part] = yield from _download(url, target)
    try:
        train = yield from _ag_news_texts(files["train"])
        test = yield from _ag_news_texts(files["test"])
    except UnfreezeError:
        if not source:
            for file in files.values():
                file.unlink(missing_ok=True)
        raise
    return _dataset("ag_news", TOPICS, train, test, source or paths.ag_news_url())


def _ag_news_texts(file: Path) -> Task[Texts]:
    texts, labels = [], []
    for text, label in readers.ag_news_rows(file):
        texts.append(text)
        labels.append(label)
        if len(texts) % _TICK == 0:
            yield Progress("reading", len(texts), None, "texts")
    if missing := [topic for label, topic in enumerate(TOPICS) if label not in labels]:
        raise UnfreezeError(
            f"{file.name} has no row of class {missing[0]} after {len(texts)} rows: "
            "fetch the official file."
        )
    return Texts(texts, labels)


def _download(url: str, target: Path) -> Task[Path]:
    size, md5 = _OFFICIAL.get(url, (None, None))
    return (yield from downloads.fetch(url, target, size=size, md5=md5))


def _dataset(
    name: str, labels: tuple[str, ...], train: Texts, test: Texts, source: str
) -> TextDataset:
    """Leave out texts with nothing in them, and say so in `source`."""
    whole = len(train.texts) + len(test.texts)
    train, test = _not_empty(train), _not_empty(test)
    if empty := whole - len(train.texts) - len(test.texts):
        for title, part in (("training", train), ("test", test)):
            if missing := [one for row, one in enumerate(labels) if row not in part.labels]:
                raise UnfreezeError(
                    f"All {title} texts of class {missing[0]} in {source} are empty: give others."
                )
        source += f" ({empty} empty texts left out)"
    digest = hashlib.sha256(repr(labels).encode())
    for part in (train, test):
        for text, label in zip(part.texts, part.labels, strict=True):
            data = text.encode()
            digest.update(b"%d %d " % (label, len(data)) + data)
        digest.update(b"|")
    fingerprint = digest.hexdigest()[:16]
    synthetic = name == "sample"
    return TextDataset(name, TITLES[name], labels, train, test, source, synthetic, fingerprint)


def _not_empty(part: Texts) -> Texts:
    rows = [row for row, text in enumerate(part.texts) if text.strip()]
    return Texts([part.texts[row] for row in rows], [part.labels[row] for row in rows])
