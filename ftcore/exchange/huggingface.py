"""Encoders of the Hugging Face ecosystem come in: a folder, or a name on the Hub, becomes a checkpoint.

Only safetensors and JSON are read, and no code of a folder is run.
"""

import math
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftcore import memory, validation
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Noted, Progress, Task
from ftcore.models import checkpoint_files, checkpoints, fingerprints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.encoder_spec import EncoderSpec, body_sizes
from ftcore.models.families import FAMILIES
from ftcore.models.headers import WeightHeader, read_headers
from ftcore.models.hub_cache import TOKENIZERS
from ftcore.models.spec import WEIGHT_BYTES
from ftcore.storage import files
from ftcore.text.truncation import Truncation

if TYPE_CHECKING:
    from ftcore.models.encoder import EncoderClassifier
    from ftcore.models.hub_cache import HubModel
    from ftcore.text.subwords import SubwordTokenizer

CONFIG, WEIGHTS = "config.json", "model.safetensors"
DEFINITION = "tokenizer.json"
INDEX = "model.safetensors.index.json"
_EXPECTED = "give a folder with config.json, model.safetensors and a tokenizer"
# Names of weights in files of earlier versions of transformers.
_EARLIER = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}
_NOT_OF_THE_BODY = {  # keys of a config.json that say nothing about the body
    "_name_or_path",
    "architectures",
    "auto_map",
    "dtype",
    "finetuning_task",
    "id2label",
    "label2id",
    "model_type",
    "num_labels",
    "problem_type",
    "torch_dtype",
    "transformers_version",
    "use_cache",
}


@dataclass(frozen=True)
class EncoderFolder:
    """What is known about an encoder's folder without loading its weights."""

    path: Path
    spec: EncoderSpec
    labels: tuple[str, ...]
    """Of its head; none if it has no head."""
    weights: dict[str, WeightHeader]
    parts: tuple[Path, ...]
    """Its files of weights."""


def inspect(path: Path) -> EncoderFolder:
    """Read the config and the headers of an encoder's folder. Raises UnfreezeError if it is unusable."""
    name = validation.printable(str(path))
    try:
        config = validation.read_json(path / CONFIG)
    except (OSError, ValueError):
        raise UnfreezeError(f"{name} has no readable config.json: {_EXPECTED}.") from None
    if not isinstance(config, dict) or not isinstance(family := config.get("model_type"), str):
        raise UnfreezeError(f"{name} is no model of transformers: {_EXPECTED}.")
    if config.get("is_decoder") or config.get("is_encoder_decoder"):
        raise UnfreezeError(f"{name} generates text: choose an encoder, such as a BERT.")
    if family not in FAMILIES:
        shown = validation.printable(family)
        raise UnfreezeError(
            f"{name} is a model of the type {shown!r}, whose layers are not known: choose one of the "
            f"types {', '.join(FAMILIES)}."
        )
    if "quantization_config" in config:
        raise UnfreezeError(f"{name} is quantized: choose its original, in fp32, fp16 or bf16.")
    parts = _weight_files(path)
    weights = read_headers(parts)
    shapes = {weight: header.shape for weight, header in weights.items()}
    labels = _labels(config, shapes)
    head = _head_shapes(family, shapes)
    last = sum(math.prod(shape) for name, shape in head.items() if name.startswith(_last(family)))
    pooler = sum(map(math.prod, head.values())) - last
    spec = EncoderSpec(
        family,
        {name: value for name, value in config.items() if name not in _NOT_OF_THE_BODY},
        len(labels),
        "first" if head else "mean",
        body_sizes(family, shapes),
        pooler,
    )
    layers = sum(name.startswith("layer") for name in spec.body)
    if family != "albert" and layers != spec.layers:
        raise UnfreezeError(
            f"{name} has {layers} layers, but its config.json says {spec.layers}: fetch it again."
        )
    return EncoderFolder(path, spec, labels, weights, parts)


def load(folder: EncoderFolder) -> Task["EncoderClassifier"]:
    """Load the weights of an encoder's folder, on the CPU, in fp32. Raises UnfreezeError."""
    from safetensors import SafetensorError, safe_open

    from ftcore.models.encoder import unfilled

    model = unfilled(folder.spec)
    model.initialize_head()
    expected = model.state_dict()
    total = sum(header.bytes for header in folder.weights.values())
    done = 0
    for path in folder.parts:
        try:
            with safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118
                    if own := _own_name(folder.spec.family, name, expected):
                        weight = file.get_tensor(name)
                        if weight.shape != expected[own].shape:
                            raise _misfit(
                                folder,
                                f"{name} is {list(weight.shape)}, not {list(expected[own].shape)}",
                            )
                        expected.pop(own).copy_(weight)
                    done += folder.weights[name].bytes
                    yield Progress("reading", done, total, "bytes")
        except (OSError, SafetensorError):
            raise UnfreezeError(f"{path.name} is damaged: fetch it again.") from None
    if missing := [name for name in expected if name.startswith("body.")]:
        raise _misfit(folder, f"{missing[0].removeprefix('body.')} is missing")
    return model.eval()


def _own_name(family: str, name: str, expected: Mapping[str, Any]) -> str:
    """The name in an EncoderClassifier of a weight in a folder; empty if it has none."""
    parts = FAMILIES[family]
    for old, new in _EARLIER.items():
        name = f"{name.removesuffix(old)}{new}" if name.endswith(old) else name
    for path in parts.head:
        for prefix in (path, path.removeprefix(f"{parts.prefix}.")):
            if name.startswith(f"{prefix}."):
                module = path.rpartition(".")[2]
                own = f"classifier.{module}.{name.removeprefix(f'{prefix}.')}"
                return own if own in expected else ""
    own = f"body.{name.removeprefix(f'{parts.prefix}.')}"
    return own if own in expected else ""


def _misfit(folder: EncoderFolder, fault: str) -> UnfreezeError:
    name = validation.printable(str(folder.path))
    return UnfreezeError(f"The weights of {name} do not fit its config.json: {fault}.")


def import_encoder(source: str, name: str = "", revision: str = "") -> Task[Checkpoint]:
    """Import an encoder as a checkpoint: a folder of this machine, or a name on the Hub.

    A note tells size and licence before a download. The checkpoint is named like the source unless a name is
    given. What was imported before is found again. A failed or closed task leaves nothing behind. Raises
    UnfreezeError.
    """
    if validation.is_folder(source):
        path = validation.expand_home(source)
        if revision:
            raise UsageError("A revision belongs to a name on the Hub; omit it for a folder.")
        return (yield from _import_folder(path, name, name or path.resolve().name, {}))
    if not is_hub_name(source):
        raise UnfreezeError(
            f"{validation.printable(source)} is no folder and no name on the Hub: give one of the two, "
            "such as sentence-transformers/all-MiniLM-L6-v2."
        )
    from ftcore.models import hub, hub_offer

    model = hub.describe(source, revision)
    if not name and (found := _imported_before(model)):
        return found
    if model.download:
        yield Noted(f"{model.name}: {', '.join(hub_offer.facts(model))}.")
    origin = {"hub": model.name, "revision": model.revision, "branch": model.branch}
    origin["license"] = model.license or "unknown"
    path = yield from hub.fetch(model)
    return (yield from _import_folder(path, name, source.rpartition("/")[2], origin))


def _imported_before(model: "HubModel") -> Checkpoint | None:
    """The checkpoint of a model at this commit. Raises UnfreezeError if its branch was at another one."""
    of_model = [
        checkpoint
        for checkpoint in checkpoints.list_checkpoints()
        if checkpoint.origin.get("hub") == model.name
    ]
    for checkpoint in of_model:
        if checkpoint.origin.get("revision") == model.revision:
            return checkpoint
    for checkpoint in of_model:
        if checkpoint.origin.get("branch") == model.branch:
            raise UnfreezeError(
                f"{model.name} at {model.branch} has moved from {checkpoint.origin['revision']}, which is "
                f"the checkpoint {checkpoint.ref}, to {model.revision}: give one of the two as the revision."
            )
    return None


def is_hub_name(text: str) -> bool:
    """Whether a text has the form of a name on the Hub, such as `google-bert/bert-base-uncased`."""
    return re.fullmatch(r"[\w.-]+/[\w.-]+", text) is not None


def _import_folder(path: Path, name: str, title: str, origin: dict[str, Any]) -> Task[Checkpoint]:
    folder = inspect(path)
    if name:
        checkpoints.new_path(name)
    tokenizer = _tokenizer(folder)
    # Its weights alone: what training needs depends on the mode.
    memory.check(title, WEIGHT_BYTES * folder.spec.parameters, "choose a smaller model")
    model = yield from load(folder)
    weights, vectors = fingerprints.of_model(model)
    for other in checkpoints.list_checkpoints():
        same = (other.weights_fingerprint, other.vectors_fingerprint) == (weights, vectors)
        if same and other.kind == "imported" and not name:
            return other
    name = name or checkpoints.free_name(title)
    yield Progress("saving", 0, 1, "checkpoint")
    with files.new_folder(checkpoints.new_path(name)) as staging:
        checkpoint_files.save(
            model,
            staging,
            ref=name,
            title=title,
            labels=folder.labels,
            truncation=Truncation(min(256, folder.spec.max_length), 0.75),
            tokenizer=tokenizer,
            dataset="",
            origin=origin or {"folder": title},
        )
        if (path / checkpoints.CARD).is_file():
            shutil.copy(path / checkpoints.CARD, staging / checkpoints.CARD)
    return checkpoints.find(name)


def _tokenizer(folder: EncoderFolder) -> "SubwordTokenizer":
    """The tokenizer of an encoder's folder. Raises UnfreezeError if it has none that can be used."""
    from ftcore.text.subwords import SubwordTokenizer

    name = validation.printable(str(folder.path))
    file = folder.path / DEFINITION
    validation.refuse_special_files(file)
    try:
        if file.is_file():
            definition = file.read_text("utf-8")
        elif not any((folder.path / each).is_file() for each in TOKENIZERS):
            raise FileNotFoundError  # transformers would make one up, without words
        else:  # an older form, which transformers converts
            from transformers import AutoTokenizer

            converted = AutoTokenizer.from_pretrained(folder.path, trust_remote_code=False)
            definition = converted.backend_tokenizer.to_str()
    except Exception:  # of many kinds, by transformers
        raise UnfreezeError(
            f"{name} has no tokenizer that can be read: save it there as {DEFINITION}."
        ) from None
    pad = folder.spec.config.get("pad_token_id")
    tokenizer = SubwordTokenizer(definition, folder.spec.pad)
    if not isinstance(pad, int) or not 0 <= pad < len(tokenizer):
        raise UnfreezeError(f"{name} has no token for padding: choose another encoder.")
    if len(tokenizer) > folder.spec.vocab_size:
        raise UnfreezeError(
            f"The tokenizer of {name} has {len(tokenizer):,} tokens and the model "
            f"{folder.spec.vocab_size:,}: they do not belong together."
        )
    return tokenizer


def _weight_files(path: Path) -> tuple[Path, ...]:
    """Return the files of weights of a folder. Raises UnfreezeError if there is none that is safe."""
    name = validation.printable(str(path))
    if (path / WEIGHTS).is_file():
        return (path / WEIGHTS,)
    if (path / INDEX).is_file():
        try:
            parts = sorted(set(validation.read_json(path / INDEX)["weight_map"].values()))
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise UnfreezeError(f"The {INDEX} of {name} cannot be read: fetch it again.") from None
        if any(Path(part).name != part or not (path / part).is_file() for part in parts):
            raise UnfreezeError(f"{name} lacks files that its {INDEX} names: fetch it again.")
        return tuple(path / part for part in parts)
    if any(path.glob("*.bin")):
        raise UnfreezeError(
            f"{name} has its weights in a .bin file, which may run code when it is opened: choose a "
            "revision with model.safetensors."
        )
    raise UnfreezeError(f"{name} has no model.safetensors: {_EXPECTED}.")


def _last(family: str) -> str:
    """The path of a head's last layer in the classification class."""
    parts = FAMILIES[family]
    module, _, inner = parts.last.partition(".")
    path = next(path for path in parts.head if path.rpartition(".")[2] == module)
    return f"{path}.{inner}" if inner else path


def _head_shapes(family: str, shapes: Mapping[str, Sequence[int]]) -> dict[str, Sequence[int]]:
    """The weights of a folder that belong to the family's head, and their shapes."""
    parts = FAMILIES[family]
    paths = [*parts.head, *(path.removeprefix(f"{parts.prefix}.") for path in parts.head)]
    return {
        name: shape
        for name, shape in shapes.items()
        if any(name.startswith(f"{path}.") for path in paths)
    }


def _labels(config: Mapping[str, Any], shapes: Mapping[str, Sequence[int]]) -> tuple[str, ...]:
    """The labels of a folder's head; none if it has no head for single labels."""
    family = config["model_type"]
    weight = shapes.get(f"{_last(family)}.weight")
    names = config.get("id2label")
    if weight is None or len(weight) != 2 or weight[0] < 2:
        return ()
    if config.get("problem_type") not in (None, "single_label_classification"):
        return ()
    if isinstance(names, dict) and len(names) == weight[0]:
        return tuple(str(names[key]) for key in sorted(names, key=int))
    return tuple(f"class {number}" for number in range(weight[0]))
