"""Small datasets in the layout of their publishers, and loading them."""

import csv
import io
import tarfile
from pathlib import Path

from ftcore.data import datasets
from ftcore.data.text_dataset import TextDataset
from ftcore.events import drain
from tests.helpers.fuzzing import accepted

REVIEWS = {
    "train/pos/0_9.txt": b"A fine film.",
    "train/pos/1_10.txt": b"It stayed with me.",
    "train/neg/0_2.txt": b"Dull<br />from start to end.",
    "test/pos/7_8.txt": b"Worth a ticket.",
    "test/neg/7_1.txt": b"I left early.",
}
ROWS = [
    ("3", "Shares rise", "Oil fell\\to a low."),
    ("1", "Vote today", "Polls open, at last."),
    ("2", "Late goal", 'A "quiet" match ends.'),
    ("4", "New chip", "It is small."),
]
Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE) -> Member:
    """Return a member of a tar archive; links point to /etc/hostname."""
    info = tarfile.TarInfo(name)
    info.size, info.type = len(data), kind
    info.linkname = "" if kind == tarfile.REGTYPE else "/etc/hostname"
    return info, data


def archive(path: Path, files: dict[str, bytes], *members: Member) -> Path:
    """Write files below aclImdb, and other members, to a tar.gz archive."""
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w:gz") as tar:
        for info, data in [*(member(f"aclImdb/{name}", files[name]) for name in files), *members]:
            tar.addfile(info, io.BytesIO(data))
    return path


def folder(path: Path, files: dict[str, bytes]) -> Path:
    """Write files to a folder."""
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def csvs(path: Path, rows: list[tuple[str, ...]] | None = None) -> Path:
    """Write the same rows to train.csv and test.csv in a folder, as AG News has them."""
    path.mkdir(exist_ok=True)
    for split in ("train", "test"):
        with (path / f"{split}.csv").open("w", newline="") as file:
            csv.writer(file, quoting=csv.QUOTE_ALL).writerows(ROWS if rows is None else rows)
    return path


def load(name: str, source: object = "") -> TextDataset:
    return drain(datasets.load(name, str(source)))


def load_if_valid(name: str, source: object) -> TextDataset | None:
    """Return a dataset that is usable, or None if it was refused with a message."""
    dataset = accepted(lambda: load(name, source))
    if dataset is not None:
        for part in (dataset.train, dataset.test):
            assert part.texts and len(part.texts) == len(part.labels)
            assert all(text.strip() and text.encode() for text in part.texts)
            assert set(part.labels) <= set(range(len(dataset.labels)))
    return dataset
