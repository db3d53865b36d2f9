"""Datasets of the Hugging Face Hub: their Parquet files, downloaded into a folder of tables.

The Hub converts every public dataset to Parquet, in a branch of its own with a folder for each configuration
and split. `HF_ENDPOINT`, `HF_HUB_OFFLINE` and `HF_TOKEN` have the meaning that huggingface_hub gives them.
"""

import re
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from ftcore import __version__, paths
from ftcore.data.tables.layouts import is_file_name
from ftcore.data.tables.sources import MAX_BYTES
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Progress, Task
from ftcore.formatting import listing, size
from ftcore.storage import hub_files, hub_transfer
from ftcore.storage.hub_errors import Kind, explain_errors, host
from ftcore.storage.hub_files import COMMIT, HubFile
from ftcore.validation import printable

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo

_CONVERTED = "refs/convert/parquet"  # files are CONFIGURATION/SPLIT/0000.parquet
_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_NO_CONFIGURATION = (
    "data",
    "train",
    "test",
    "validation",
)  # folders in datasets of one configuration
_SHOWN = 10  # configurations in a message
_KIND: Kind = "dataset"


@dataclass(frozen=True)
class HubDataset:
    """A configuration of a dataset on the Hub at one commit: its Parquet files."""

    name: str
    configuration: str
    revision: str
    files: tuple[HubFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def folder(self) -> Path:
        """Where the files are, once they are downloaded."""
        name = self.name.replace("/", "--")
        return paths.downloads_dir() / "hub" / name / self.revision / self.configuration


def is_name(text: str) -> bool:
    """Whether a text is OWNER/NAME or OWNER/NAME:CONFIGURATION, and no path, not even a mistyped one."""
    name = text.partition(":")[0]
    return bool(_NAME.fullmatch(name)) and not (is_file_name(name) or Path(name).parent.exists())


def describe(text: str, revision: str = "") -> HubDataset:
    """Return what OWNER/NAME or OWNER/NAME:CONFIGURATION stands for. Raises UnfreezeError.

    Without a revision (branch, tag or commit), these are the files that the Hub has converted, if any.
    """
    from huggingface_hub.errors import RevisionNotFoundError

    name, _, configuration = text.partition(":")
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{printable(text)} is not the name of a dataset on the Hub: give one such as "
            "stanfordnlp/imdb, or the path of a file."
        )
    with explain_errors(name, revision, _KIND):
        try:
            info = _ask(name, revision or _CONVERTED)
        except RevisionNotFoundError:
            if revision:
                raise
            info = _ask(name, "")
    try:
        return _from_info(info, name, configuration)
    except (AttributeError, KeyError, TypeError, ValueError):  # not the JSON of a Hub
        raise UnfreezeError(
            f"{host()} does not answer like the Hugging Face Hub: check the network and HF_ENDPOINT."
        ) from None


def fetch(dataset: HubDataset) -> Task[Path]:
    """Download what is not on this machine yet, and return the folder. Raises UnfreezeError.

    An interrupted or cancelled download is resumed by the next call. Every file is checked against its
    published checksum.
    """
    from huggingface_hub import hf_hub_url

    dataset.folder.mkdir(parents=True, exist_ok=True)
    # A generator may be closed by another thread than the one that started it.
    lock = FileLock(dataset.folder.with_name(f".{dataset.configuration}.lock"), thread_local=False)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=hub_transfer.REPORT_EVERY)
        except Timeout:  # another process or page downloads the same dataset
            yield Progress("waiting", 0, None)
    finished = 0
    try:
        for file in dataset.files:
            target = dataset.folder / file.name
            if not target.exists():
                part = target.with_name(f".{target.name}.part")
                title = f"{file.name} of {dataset.name}"
                with explain_errors(dataset.name, dataset.revision, _KIND):
                    url = hf_hub_url(
                        dataset.name, file.name, repo_type=_KIND, revision=dataset.revision
                    )
                    transfer = hub_transfer.download(url, part, title, file.size, file.etag)
                    with closing(transfer):
                        for done in transfer:
                            yield Progress("downloading", finished + done, dataset.size, "bytes")
                    part.replace(target)
            finished += file.size
            yield Progress("downloading", finished, dataset.size, "bytes")
    finally:
        lock.release()
    return dataset.folder


def _ask(name: str, revision: str) -> "DatasetInfo":
    from huggingface_hub import HfApi, constants

    api = HfApi(library_name="unfreeze", library_version=__version__)
    return api.dataset_info(
        name,
        revision=revision or None,
        files_metadata=True,
        timeout=constants.HF_HUB_ETAG_TIMEOUT,
    )


def _from_info(info: "DatasetInfo", name: str, configuration: str) -> HubDataset:
    """Raises UnfreezeError without Parquet files, ValueError if the answer is not of a Hub."""
    if not (info.sha and COMMIT.fullmatch(info.sha)):
        raise ValueError("no commit")
    by_configuration: dict[str, list[HubFile]] = {}
    for sibling in info.siblings or ():
        path = PurePosixPath(sibling.rfilename)
        if path.suffix == ".parquet" and not path.is_absolute() and ".." not in path.parts:
            file = hub_files.described(sibling)
            by_configuration.setdefault(_configuration(path), []).append(file)
    if not by_configuration:
        raise UnfreezeError(
            f"{name} has no Parquet files on {host()}: choose another dataset, or give a file of it."
        )
    if not configuration and (len(by_configuration) == 1 or "default" in by_configuration):
        configuration = "default" if "default" in by_configuration else next(iter(by_configuration))
    if configuration not in by_configuration:
        none = f"{name} has no configuration {printable(configuration)!r}"
        several = f"{name} has {len(by_configuration)} configurations"
        names = [f"{name}:{each}" for each in sorted(by_configuration)[:_SHOWN]]
        raise UsageError(f"{none if configuration else several}: give one, as in {listing(names)}.")
    dataset = HubDataset(name, configuration, info.sha, tuple(by_configuration[configuration]))
    if dataset.size > MAX_BYTES:
        raise UnfreezeError(
            f"{name} has {size(dataset.size)} of Parquet files, and up to {size(MAX_BYTES)} are read: "
            "choose another dataset, or give a part of it as a file."
        )
    return dataset


def _configuration(path: PurePosixPath) -> str:
    """Return the configuration that a file belongs to: its first folder, unless that says something else."""
    first = path.parts[0] if len(path.parts) > 1 else ""
    return first if first and first not in _NO_CONFIGURATION else "default"
