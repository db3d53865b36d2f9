"""The real IMDB reviews, and a temporary UNFREEZE_HOME for what is computed from them."""

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftcore import paths

TEST_REVIEWS = 8  # a class: a dataset must have some, and no benchmark measures on them


@contextmanager
def home() -> Iterator[Path]:
    """A temporary folder; its subfolder `home` is UNFREEZE_HOME from now on, with nothing cached."""
    with tempfile.TemporaryDirectory(prefix="unfreeze-benchmark-") as folder:
        os.environ["UNFREEZE_HOME"] = str(Path(folder, "home"))
        yield Path(folder)


@contextmanager
def workspace() -> Iterator[Path]:
    """A folder `aclImdb` with all training reviews, in a temporary home."""
    with home() as folder:
        unpack(archive(), folder)
        yield folder / "aclImdb"


def archive() -> Path:
    """The IMDB archive in the folder `UNFREEZE_DATA`. Raises SystemExit if it is not there."""
    folder = Path(os.environ.get("UNFREEZE_DATA") or paths.ROOT.parent / "shared" / "data")
    path = folder / "aclImdb.tar.gz"
    if not path.is_file():
        raise SystemExit(f"There is no {path}: set UNFREEZE_DATA to the folder of aclImdb.tar.gz.")
    return path


def unpack(archive: Path, target: Path) -> None:
    """Extract the labelled training reviews and TEST_REVIEWS test reviews a class."""
    left = dict.fromkeys(("train/neg", "train/pos"), float("inf"))
    left |= dict.fromkeys(("test/neg", "test/pos"), TEST_REVIEWS)
    with tarfile.open(archive) as tar:
        for member in filter(tarfile.TarInfo.isreg, tar):
            part = "/".join(Path(member.name).parts[-3:-1])
            if left.get(part, 0) > 0:
                left[part] -= 1
                tar.extract(member, target, filter="data")
