"""The real reviews, and a temporary home for what is computed from them."""

import os
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftcore import paths

KEPT_FOR_TESTING = (
    8  # test reviews a class: a dataset must have some, and nothing here measures on them
)


@contextmanager
def home() -> Iterator[Path]:
    """A temporary folder whose part `home` is Unfreeze's: nothing cached, and all gone at the end."""
    before = os.environ.get("UNFREEZE_HOME")
    with tempfile.TemporaryDirectory(prefix="unfreeze-benchmark-") as folder:
        os.environ["UNFREEZE_HOME"] = str(Path(folder, "home"))
        try:
            yield Path(folder)
        finally:
            os.environ.pop("UNFREEZE_HOME")
            if before is not None:
                os.environ["UNFREEZE_HOME"] = before


@contextmanager
def workspace() -> Iterator[Path]:
    """The same, and in it the folder `aclImdb` with all training reviews, which is yielded."""
    with home() as folder:
        unpack(archive(), folder)
        yield folder / "aclImdb"


def archive() -> Path:
    """The archive of IMDB that `UNFREEZE_DATA` holds."""
    folder = Path(os.environ.get("UNFREEZE_DATA") or paths.ROOT.parent / "shared" / "data")
    path = folder / "aclImdb.tar.gz"
    if not path.is_file():
        raise SystemExit(f"There is no {path}: set UNFREEZE_DATA to the folder of aclImdb.tar.gz.")
    return path


def unpack(archive: Path, target: Path) -> None:
    """The labelled training reviews, and a few of the test part."""
    taken = {"test/neg": 0, "test/pos": 0}
    with tarfile.open(archive) as tar:
        for member in tar:
            part = "/".join(Path(member.name).parts[-3:-1])
            if not member.isreg() or part not in ("train/neg", "train/pos", *taken):
                continue
            if part in taken:
                if taken[part] == KEPT_FOR_TESTING:
                    continue
                taken[part] += 1
            tar.extract(member, target, filter="data")
