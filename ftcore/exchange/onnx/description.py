"""What a program must know of an exported model besides its graph: model.json.

format, kind         1; "encoder" or "lesson"
title                of the checkpoint
file, precision      "model.onnx"; "fp32" or "int8" (of the weights; inputs and outputs are the same)
inputs, output       ["input_ids", "attention_mask"], int64 [batch, length], 1 at a token and 0 at padding;
                     "logits", float32 [batch, classes]. The graph pools and has the head.
labels               the names of the classes, in the order of the logits
multi_label          false: softmax, one label a text. true: sigmoid, all labels at their `thresholds`
thresholds           of each label of a multi_label model; else []
temperature          divides the logits before the softmax; 1 without a calibration
label_sets           of a calibrated model: `target` and the least probability of each label; else null
tokenizer            "tokenizer.json" of the tokenizers package, or "vocabulary.json" of words
word_rule            the rule by which words.py splits a text, of the lesson's model; else null
unknown              id of a word that the vocabulary lacks; null if it lacks none
start, end, pad      ids of special tokens around a text, and of the padding after it
head, tail           of a text with more tokens than both, its first `head` and its last `tail` are read;
                     special tokens do not count
empty                ids in the place of a text without tokens
training_lengths     how many training texts had up to so many tokens (see `text.lengths`); null if unknown
"""

from typing import Any

from ftcore.exchange.onnx.graph import INPUTS, OUTPUT
from ftcore.models import calibration
from ftcore.models.checkpoints import PIECES, VOCABULARY, Checkpoint
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.text.tokenizer import Tokenizer

FORMAT = 1
MODEL, DESCRIPTION = "model.onnx", "model.json"


def describe(checkpoint: Checkpoint, tokenizer: Tokenizer, precision: str) -> dict[str, Any]:
    """Return the content of model.json. Raises UnfreezeError if the calibration cannot be read."""
    encoder = isinstance(checkpoint.model, EncoderSpec)
    frame, read = tokenizer.frame, tokenizer.frame.inside(checkpoint.truncation)
    calibrated = calibration.read(checkpoint)
    sets = calibrated and {"target": calibrated.target, "thresholds": calibrated.thresholds}
    return {
        "format": FORMAT,
        "kind": "encoder" if encoder else "lesson",
        "title": checkpoint.title,
        "file": MODEL,
        "precision": precision,
        "inputs": list(INPUTS),
        "output": OUTPUT,
        "labels": list(checkpoint.labels),
        "multi_label": bool(checkpoint.thresholds),
        "thresholds": list(checkpoint.thresholds),
        "temperature": calibrated.temperature if calibrated else 1.0,
        "label_sets": sets,
        "tokenizer": PIECES if encoder else VOCABULARY,
        "word_rule": None if encoder else tokenizer.name,
        "unknown": tokenizer.unknown,
        "start": list(frame.start),
        "end": list(frame.end),
        "pad": frame.pad,
        "head": read.head,
        "tail": read.length - read.head,
        "empty": [] if encoder else [tokenizer.unknown],
        "training_lengths": checkpoint.origin.get("text_lengths"),
    }
