"""A checkpoint as a folder with a graph of ONNX, in fp32 or with weights in int8."""

import json
from pathlib import Path
from typing import Literal

from ftcore import memory
from ftcore.errors import UnfreezeError
from ftcore.events import Noted, Progress, Task
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.spec import WEIGHT_BYTES
from ftcore.storage import files
from ftcore.text import word_rules

Precision = Literal["fp32", "int8"]
_COPIES = 4  # of the weights in memory, at most: the model, its trace, the graph and its file
_MOST_BYTES = 2_000_000_000  # of a file of protobuf


def unfit(checkpoint: Checkpoint) -> str:
    """Why a checkpoint has no form in ONNX, as a sentence; "" if it has."""
    if WEIGHT_BYTES * checkpoint.model.parameters > _MOST_BYTES:
        return f"{checkpoint.title} has more than 2 GB, which a file of ONNX cannot hold."
    return ""


def write(ref: str, target: Path, precision: Precision = "fp32") -> Task[Path]:
    """Write a checkpoint that is not `unfit` as a new folder, after its answers were compared.

    model.onnx takes `input_ids` and `attention_mask`, both int64 [batch, length] of any size, special
    tokens and padding included, and gives `logits`, fp32 [batch, classes]. `description` says what
    model.json holds. Returns `target`. Raises UnfreezeError if it exists, or if answers differ: in fp32 by
    a label or a probability by more than 1e-5, in int8 by the labels of more than 1% of 200 texts.
    """
    from ftcore.exchange.onnx import card, description, graph, int8, measuring, programs

    checkpoint = checkpoints.find(ref)
    tokenizer = checkpoint_files.load_tokenizer(checkpoint)
    needed = _COPIES * WEIGHT_BYTES * checkpoint.model.parameters
    memory.check(f"The export of {checkpoint.title}", needed, "free some, or choose another format")
    with files.new_folder(target) as staging:
        model = staging / description.MODEL
        yield from graph.trace_in_subprocess(ref, model)
        if precision == "int8":
            int8.quantize_file(model)
        measured = yield from measuring.measure(checkpoint, model)
        measuring.check(measured, precision)
        if checkpoints.find(ref).version != checkpoint.version:
            raise UnfreezeError(f"{checkpoint.title} was trained on meanwhile: export it again.")
        described = description.describe(checkpoint, tokenizer, precision)
        contents = {
            **tokenizer.files(),
            programs.PREDICT: programs.predict().encode(),
            description.DESCRIPTION: json.dumps(described, indent=1, ensure_ascii=False).encode(),
            checkpoints.CARD: card.card(checkpoint, measured, precision).encode(),
        }
        if not isinstance(checkpoint.model, EncoderSpec):
            contents[programs.WORDS] = programs.words(word_rules.find(tokenizer.name)).encode()
        yield Progress("saving", 0, 1, "folder")
        for name, content in contents.items():
            files.write(staging / name, content)
    for line in card.findings(measured):
        yield Noted(line)
    return target
