"""Puts the parts of a page together: packages, graphs, tensors, tokenizers, and texts to check itself by."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import onnx
from onnx import numpy_helper

from ftcore import __version__, colours
from ftcore.events import Task
from ftcore.exchange.onnx import description, graph
from ftcore.exchange.takeaway import facts, packages, word_forms
from ftcore.exchange.takeaway.export import Heading, Precision
from ftcore.exchange.takeaway.page import Page, PageModel
from ftcore.exchange.takeaway.tensors import TensorStore
from ftcore.inference import prediction
from ftcore.inference.prediction import Prediction
from ftcore.models import checkpoint_files
from ftcore.models.checkpoints import PIECES, Checkpoint
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.storage import scratch
from ftcore.text import word_rules
from ftcore.text.tokenizer import Tokenizer

CHECKS = (
    "A warm, funny film with a cast that clearly enjoys every minute of it.",
    "Well \u2013 it\u2019s \u201cnaïve\u201d, costs €5<br />and/or 日本語 \N{GRINNING FACE}",
)
"""Texts that a page answers for itself, to compare with what Unfreeze computed."""
_TOLERANCES = {"exact": 1e-3, "int8": 0.1}  # of a probability


def assemble(models: Sequence[Checkpoint], heading: Heading, precision: Precision) -> Task[Page]:
    """Return the page of checkpoints that have one. Raises UnfreezeError."""
    blobs = yield from _packages(models)
    store, tokenizers = TensorStore(precision), _Tokenizers()
    setups = []
    for number, checkpoint in enumerate(models):
        graph, names = yield from _graph(checkpoint, store)
        blobs[f"graph-{number}"] = graph
        setups.append(_setup(checkpoint, tokenizers, precision) | {"graph": f"graph-{number}"})
        setups[-1]["tensors"] = names
    blobs |= tokenizers.blobs
    packed, places = store.joined()
    blobs["tensors"] = packed
    titles = facts.titles(models)
    return Page(
        title=heading.title or models[0].title,
        about=f"{datetime.now():%d %B %Y} · Unfreeze {__version__}".lstrip("0"),
        verdict=heading.verdict,
        models=[
            PageModel(title, facts.mode(model), facts.facts(model), setup | {"title": title})
            for title, model, setup in zip(titles, models, setups, strict=True)
        ],
        setup={
            "tokenizers": tokenizers.setups,
            "tensors": places,
            "checks": _checks(models),
            "tolerance": _TOLERANCES[precision],
        },
        examples=heading.examples,
        notes=_notes(precision),
        blobs=blobs,
    )


def _packages(models: Sequence[Checkpoint]) -> Task[dict[str, bytes]]:
    """The JavaScript that the page runs on, by the names that `page.js` knows."""
    script, wasm = yield from packages.fetch(packages.RUNTIME)
    blobs = {"runtime": script, "wasm": wasm}
    if any(isinstance(model.model, EncoderSpec) for model in models):
        [blobs["tokenizers"]] = yield from packages.fetch(packages.TOKENIZERS)
    return blobs


def _graph(checkpoint: Checkpoint, store: TensorStore) -> Task[tuple[bytes, list[str]]]:
    """The graph of a checkpoint without its large tensors, and their names in the store."""
    with scratch.temporary() as temporary:
        file = temporary / "model.onnx"
        yield from graph.trace_in_subprocess(checkpoint.ref, file)
        model = onnx.load_model(file)
    if not isinstance(checkpoint.model, EncoderSpec):
        _shorten_positions(model, checkpoint.max_length)
    names = store.take(model)
    return model.SerializeToString(), names


def _shorten_positions(model: onnx.ModelProto, length: int) -> None:
    """Leave out the positions that no text reaches: 1.6 MB in the lesson's model."""
    for tensor in model.graph.initializer:
        if tensor.name.endswith("positions"):
            rows = numpy_helper.to_array(tensor)[:length]
            tensor.CopyFrom(numpy_helper.from_array(rows, tensor.name))


class _Tokenizers:
    """The tokenizers of a page; models that read texts alike share one."""

    def __init__(self) -> None:
        self.setups: list[dict[str, Any]] = []
        self.blobs: dict[str, bytes] = {}
        self._numbers: dict[str, int] = {}

    def number(self, tokenizer: Tokenizer) -> int:
        key = f"{tokenizer.name} {tokenizer.fingerprint}"
        if key not in self._numbers:
            self._numbers[key] = len(self.setups)
            [(file, content)] = tokenizer.files().items()
            name = f"vocabulary-{len(self.setups)}"
            self.blobs[name] = content
            pieces = file == PIECES
            forms = None if pieces else word_forms.ranges(word_rules.find(tokenizer.name))
            self.setups.append({"vocabulary": name, "pieces": pieces, "forms": forms})
        return self._numbers[key]


def _setup(checkpoint: Checkpoint, tokenizers: _Tokenizers, precision: Precision) -> dict[str, Any]:
    """What `page.js` reads of a model: the model.json of ONNX, and what is drawn."""
    tokenizer = checkpoint_files.load_tokenizer(checkpoint)
    described = description.describe(checkpoint, tokenizer, precision)
    colour = colours.class_colours(checkpoint.labels)
    return described | {
        "tokenizer": tokenizers.number(tokenizer),
        "colours": [colour[label] for label in checkpoint.labels],
    }


def _checks(models: Sequence[Checkpoint]) -> list[dict[str, Any]]:
    answers = [prediction.predict(model.ref, list(CHECKS)) for model in models]
    return [
        {
            "text": text,
            "ids": [_read(of_model[row]) for of_model in answers],
            "shares": [list(of_model[row].probabilities.values()) for of_model in answers],
        }
        for row, text in enumerate(CHECKS)
    ]


def _read(answer: Prediction) -> list[int]:
    """The ids that a model reads of a text."""
    frame = answer.tokenizer.frame
    return [*frame.start, *answer.tokenizer.ids(answer.tokens), *frame.end]


def _notes(precision: Precision) -> list[str]:
    stored = "8-bit integers, so probabilities may differ by a point from the dashboard's"
    return [
        "A text is read and answered in this file, by the browser. It loads nothing, and it sends nothing.",
        f"Weights are {stored if precision == 'int8' else 'exact'}. In the browser's console, "
        'await classify("a text") gives all numbers.',
    ]
