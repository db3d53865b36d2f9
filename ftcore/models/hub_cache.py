"""The Hub's cache on this machine: where the files of a model are, and which models are there.

The layout is documented for other tools to use (https://huggingface.co/docs/hub/local-cache): contents under
`blobs`, named by their checksum; links to them under `snapshots/<commit>`; commits of branches under `refs`.
"""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ftcore.errors import UnfreezeError
from ftcore.storage.hub_files import HubFile
from ftcore.validation import printable, read_json

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZERS = (  # any one of them holds a vocabulary
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "spiece.model",
    "spm.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
)
TOKENIZER_CONFIG = "tokenizer_config.json"
_OTHERS = (
    "merges.txt",
    TOKENIZER_CONFIG,
    "special_tokens_map.json",
    "added_tokens.json",
    "README.md",
)
_SHARD = re.compile(r"model-\d{5}-of-\d{5}\.safetensors")


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model on the Hub at one commit.

    Attributes:
        name: such as "distilbert/distilbert-base-uncased".
        revision: the SHA of the commit.
        branch: the branch, tag or commit that was asked for.
        files: those that Unfreeze needs, the weights last.
        model_type: of the config, such as "bert"; "" if unknown.
        license: such as "apache-2.0"; "" if unknown.
        languages: such as "en".
        parameters: their number, or None if unknown.
        cached: whether it was found on this machine, without asking the Hub.
    """

    name: str
    revision: str
    branch: str
    files: tuple[HubFile, ...]
    model_type: str = ""
    license: str = ""
    languages: tuple[str, ...] = ()
    parameters: int | None = None
    cached: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def download(self) -> int:
        """Bytes that are not on this machine yet."""
        return self.size - sum(self.received(file) for file in self.files)

    @property
    def folder(self) -> Path:
        """The folder of the files, once they are downloaded."""
        return self.storage / "snapshots" / self.revision

    @property
    def storage(self) -> Path:
        """The folder of the model in the Hub's cache."""
        from huggingface_hub import constants
        from huggingface_hub.file_download import repo_folder_name

        folder = repo_folder_name(repo_id=self.name, repo_type="model")
        return Path(constants.HF_HUB_CACHE) / folder

    @property
    def ref(self) -> Path:
        """Where the cache keeps the commit of `branch`, unless that is a commit itself."""
        return self.storage / "refs" / self.branch

    def blob(self, file: HubFile) -> Path:
        """Where the cache keeps the content of a file, which the one in `folder` links to."""
        return self.storage / "blobs" / file.etag

    def part(self, file: HubFile) -> Path:
        """Where an unfinished download is; `hf cache` lists and removes `*.incomplete`."""
        return self.storage / "blobs" / f"{file.etag}.unfreeze.incomplete"

    def received(self, file: HubFile) -> int:
        """Return how many bytes of a file are on this machine."""
        sizes = [_size_on_disk(path) for path in (self.folder / file.name, self.blob(file))]
        return file.size if file.size in sizes else max(0, _size_on_disk(self.part(file)))


def is_ready(model: HubModel) -> bool:
    """Whether all files are in place, and the cache knows what the branch stands for."""
    here = all(_size_on_disk(model.folder / file.name) == file.size for file in model.files)
    return here and (model.cached or read_ref(model) == model.revision)


def read_ref(model: HubModel) -> str:
    """Return the commit that the cache has for the model's branch, or ""."""
    if model.branch == model.revision:
        return model.revision
    try:
        return model.ref.read_text("utf-8")
    except (OSError, ValueError):
        return ""


def link(model: HubModel, file: HubFile) -> None:
    """Link a file of the model to its content, or move the content there if links do not work."""
    from huggingface_hub.file_download import are_symlinks_supported

    path, blob = model.folder / file.name, model.blob(file)
    if _size_on_disk(path) == file.size:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if are_symlinks_supported(blob.parent):
        path.symlink_to(os.path.relpath(blob, path.parent))
    else:
        blob.replace(path)


def needed_files(name: str, names: Collection[str]) -> list[str]:
    """Return which files of a model to download, the weights last. Raises UnfreezeError."""
    if CONFIG not in names:
        raise UnfreezeError(
            f"{name} has no {CONFIG}, so it is not a model of transformers: choose another one."
        )
    weights = _weights(names)
    if not weights:
        others = [file for file in names if file.endswith((".bin", ".h5", ".msgpack", ".gguf"))]
        only = (
            f"only {printable(min(others))}, which Unfreeze does not open"
            if others
            else "no weights"
        )
        raise UnfreezeError(
            f"{name} has no {WEIGHTS} ({only}): choose another model, or a revision with {WEIGHTS}, "
            "which is often offered as a pull request (refs/pr/1)."
        )
    return [file for file in (CONFIG, *TOKENIZERS, *_OTHERS) if file in names] + weights


def _weights(names: Collection[str]) -> list[str]:
    """Return the names of the files with the weights; transformers prefers a single one."""
    if WEIGHTS in names:
        return [WEIGHTS]
    if INDEX in names:
        return [INDEX, *sorted(filter(_SHARD.fullmatch, names))]
    return []


def license_of(card: Mapping[str, Any]) -> str:
    license = card.get("license")
    if license == "other":
        license = card.get("license_name")
    return license if isinstance(license, str) else ""


def languages_of(card: Mapping[str, Any]) -> tuple[str, ...]:
    languages = card.get("language")
    given = [languages] if isinstance(languages, str) else languages or []
    return tuple(map(str, given))


def find_cached(name: str, revision: str) -> HubModel | None:
    """Return the model as it is on this machine, or None if it is not there or not whole."""
    from huggingface_hub import constants, try_to_load_from_cache

    config = try_to_load_from_cache(name, CONFIG, revision=revision or None)
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    paths = {path.name: path for path in folder.iterdir() if path.is_file()}
    weights = _weights(paths)
    counts = [_count_parameters(paths[file]) for file in weights if file != INDEX]
    whole = None not in counts and _has_shards(folder, weights)
    if not counts or not whole or not paths.keys() & set(TOKENIZERS):
        return None
    settings, card = _read(paths[CONFIG]), _read_card(folder)
    names = needed_files(name, paths)
    return HubModel(
        name=name,
        revision=folder.name,
        branch=revision or constants.DEFAULT_REVISION,
        files=tuple(
            HubFile(file, paths[file].stat().st_size, _etag(paths[file])) for file in names
        ),
        model_type=str(settings.get("model_type") or ""),
        license=license_of(card),
        languages=languages_of(card),
        parameters=sum(filter(None, counts)),
        cached=True,
    )


def cached_file(name: str, revision: str, file: str) -> Path | None:
    """Return a model's file at a commit as it is on this machine, or None."""
    from huggingface_hub import try_to_load_from_cache

    path = try_to_load_from_cache(name, file, revision=revision)
    return Path(path) if isinstance(path, str) else None


def _has_shards(folder: Path, weights: list[str]) -> bool:
    """Whether the files that the index lists are there."""
    if weights[0] != INDEX:
        return True
    listed = _read(folder / INDEX).get("weight_map")
    return isinstance(listed, dict) and set(map(str, listed.values())) <= set(weights)


def _read(file: Path) -> dict[str, Any]:
    try:
        content = read_json(file)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _read_card(folder: Path) -> dict[str, Any]:
    """Return the metadata at the top of README.md."""
    from huggingface_hub import metadata_load

    try:
        return metadata_load(folder / "README.md") or {}
    except Exception:  # YAML fails in many ways, and the model can be used without
        return {}


def _count_parameters(path: Path) -> int | None:
    """Return the number of parameters in a safetensors file, or None if the file is not whole."""
    from huggingface_hub import parse_local_safetensors_file_metadata
    from huggingface_hub.errors import SafetensorsParsingError

    try:
        tensors = parse_local_safetensors_file_metadata(path).tensors.values()
        with path.open("rb") as file:
            start = 8 + int.from_bytes(file.read(8), "little")
    except (OSError, ValueError, SafetensorsParsingError):
        return None
    end = start + max((tensor.data_offsets[1] for tensor in tensors), default=0)
    return sum(tensor.parameter_count for tensor in tensors) if end == _size_on_disk(path) else None


def _etag(path: Path) -> str:
    """Return the name of the blob that a file of the cache links to, or "" where links are copies."""
    return path.readlink().name if path.is_symlink() else ""


def _size_on_disk(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
