"""IMDB film reviews, negative or positive (Maas et al. 2011), from the official archive or its folder."""

import os
from pathlib import Path

from ftcore import paths
from ftcore.data import imdb_archive
from ftcore.data.imdb_archive import Review, is_review
from ftcore.data.text_dataset import DatasetSpec, Texts
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task

LABELS = ("negative", "positive")
_OFFICIAL = "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz"
_FOLDERS = ("train/neg", "train/pos", "test/neg", "test/pos")
_REPORT_EVERY = 500  # reviews


def read_reviews(source: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    """Read the reviews in folders of aclImdb, such as "train/pos", sorted by path.

    `source` is the archive, the folder aclImdb, or the folder above it.
    """
    if source.is_dir():
        return (yield from _read_folder(source, folders))
    return (yield from imdb_archive.read_archive(source, folders))


def _read(path: Path) -> Task[tuple[Texts, Texts]]:
    reviews = yield from read_reviews(path, _FOLDERS)
    texts: dict[str, list[str]] = {folder: [] for folder in _FOLDERS}
    for name, text in reviews:
        texts[name.rpartition("/")[0]].append(text)
    for folder in _FOLDERS:
        if not texts[folder]:
            raise UnfreezeError(
                f"{path} has no reviews in aclImdb/{folder}: "
                "give the official archive, or the folder unpacked from it."
            )
    train, test = (
        _join(texts[f"{split}/neg"], texts[f"{split}/pos"]) for split in ("train", "test")
    )
    return train, test


def _join(negative: list[str], positive: list[str]) -> Texts:
    return Texts(negative + positive, [0] * len(negative) + [1] * len(positive))


def _read_folder(root: Path, folders: tuple[str, ...]) -> Task[list[Review]]:
    root = root / "aclImdb" if (root / "aclImdb").is_dir() else root
    names = [
        f"{folder}/{entry.name}"
        for folder in folders
        if (root / folder).is_dir()
        for entry in os.scandir(root / folder)
        if is_review(f"{folder}/{entry.name}", folders) and entry.is_file()
    ]
    reviews: list[Review] = []
    for number, name in enumerate(sorted(names)):
        try:
            text = (root / name).read_bytes().decode("utf-8", errors="replace")
        except OSError as error:
            raise UnfreezeError(f"{root / name} cannot be read ({error.strerror}).") from error
        reviews.append((name, text))
        if number % _REPORT_EVERY == 0:
            yield Progress("reading", number, len(names), "texts")
    return reviews


SPEC = DatasetSpec(
    name="imdb",
    title="IMDB film reviews",
    labels=LABELS,
    sizes=(25_000, 25_000),
    mean_tokens=259,
    examples=(
        "The trailer is gorgeous and the cast is brilliant, but the film itself is a mess.",
        "It is not that I never enjoyed it; there was hardly a dull scene.",
        "I did not laugh once, and nothing about the ending felt earned.",
    ),
    origin=paths.imdb_url,
    read=_read,
    files=lambda: {"aclImdb_v1.tar.gz": paths.imdb_url()},
    checksums={_OFFICIAL: (84_125_825, "7c2ac02c03563afcf9b574c7e56c153a")},
)
