"""What the script of an encoder's run has of its own: encoder_tokens.txt and encoder_model.txt, filled."""

import hashlib
import inspect
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ftcore.config import FineTuneConfig
from ftcore.models import checkpoint_files, hub_cache
from ftcore.models.checkpoints import PIECES, Checkpoint
from ftcore.models.encoder_spec import LORA_ALPHA, EncoderSpec
from ftcore.models.families import FAMILIES, Family

if TYPE_CHECKING:  # a page shows a run before torch is imported
    from torch import nn

    from ftcore.models.classifier import Classifier


def template_values(
    config: FineTuneConfig, parent: Checkpoint, model: "Classifier", explicit_attention: bool
) -> tuple[set[str], dict[str, Any]]:
    """Return the flags and values of a run for the template; `model` is that of `parent`."""
    from ftcore.models.encoder import EncoderClassifier
    from ftcore.text.subwords import SubwordTokenizer

    spec, tokenizer = parent.model, checkpoint_files.load_tokenizer(parent)
    assert isinstance(spec, EncoderSpec) and isinstance(model, EncoderClassifier)
    assert isinstance(tokenizer, SubwordTokenizer)
    family, frame = FAMILIES[spec.family], tokenizer.frame
    explicit_attention &= family.fused_attention
    first, parent_first = config.pooling == "first", spec.pooling == "first"
    attention = "attend" if explicit_attention else "sdpa" if family.fused_attention else "eager"
    flags = {
        "encoder": True,
        "first": first,
        "parent_first": parent_first,
        "family_head": first or parent_first,
        "other_pooling": first != parent_first,
        "top": bool(family.top),
        "explicit_attention": explicit_attention,
        "hub": not first and config.mode != "scratch" and not parent.labels and _is_on_hub(parent),
    }
    return {flag for flag, on in flags.items() if on}, {
        "hub": _python(parent.origin.get("hub")),
        "revision": _python(parent.origin.get("revision")),
        "words_of": "encoder's tokenizer",
        "reads": "its first token" if first else "the mean over tokens",
        "start": list(frame.start),
        "end": list(frame.end),
        "pad": frame.pad,
        "family": spec.family,
        "config": "\n".join(f"    {_python(k)}: {_python(v)}," for k, v in spec.config.items()),
        "attention": attention,
        "head": _python(family.head),
        "score": _score(family),
        "last": family.last,
        "layers": family.layers,
        "top": _python(family.top),
        "lora_rank": config.lora_rank,
        "lora_alpha": LORA_ALPHA,
        "fingerprint": _fingerprint(model.body),
        "parent_classes": max(spec.classes, 1),
        "dim": spec.dim,
    }


def trained_module(mode: str) -> Callable[[str], str]:
    """Return what gives the expression of a layer group in the script, of LoRA that of its adapters."""
    if mode != "lora":
        return _module
    return lambda group: _module(group) if group == "head" else f"adapters({_module(group)})"


def _module(group: str) -> str:
    if group.startswith("layer "):
        return f"encoder_layers[{int(group.removeprefix('layer ')) - 1}]"
    return "model.classifier" if group == "head" else "embeddings"


def _is_on_hub(parent: Checkpoint) -> bool:
    """Whether an imported encoder came from the Hub, and its tokenizer as the file that the script reads."""
    name, revision = parent.origin.get("hub"), parent.origin.get("revision")
    if parent.kind != "imported" or not (name and revision):
        return False
    tokenizer = hub_cache.cached_file(name, revision, PIECES)
    return tokenizer is not None and (parent.path / PIECES).read_bytes() == tokenizer.read_bytes()


def _score(family: Family) -> str:
    """The expression of a family's head, a method's in the script."""
    return inspect.getsource(family.score).partition("return ")[2].strip().replace("head.", "self.")


def _fingerprint(body: "nn.Module") -> str:
    """The first digits of the SHA-256 of all weights, as the script computes it."""
    digest = hashlib.sha256()
    for _, weight in sorted(body.named_parameters()):
        digest.update(weight.detach().numpy().data)
    return digest.hexdigest()[:16]


def _python(value: Any) -> str:
    """The source of a JSON value or a tuple, with double quotation marks."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_python(k)}: {_python(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_python, value))}]"
    if isinstance(value, tuple):
        return f"({', '.join(map(_python, value))}{',' * (len(value) == 1)})"
    return repr(value)
