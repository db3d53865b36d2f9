"""The plain PyTorch script that does what a run did, without us: script.txt, filled with its values."""

import csv
import io
import json
import math
import zipfile
from pathlib import Path
from string import Template
from typing import Any

from ftcore import tracking
from ftcore.config import NEW_MODEL, REFERENCES, FineTuneConfig
from ftcore.data import datasets, sample
from ftcore.errors import UnfreezeError
from ftcore.models import checkpoints
from ftcore.storage import files
from ftcore.training import strategies

TEMPLATE = Path(__file__).with_name("script.txt")
SAMPLE = "sample"  # the folder beside the code


def script(run_id: str) -> str:
    """The code of a run. Raises UnfreezeError where it cannot be written."""
    run = tracking.run(run_id)
    config = run.config
    if config.mode in REFERENCES:
        raise UnfreezeError("A reference trains no network, so there is no code of it.")
    if config.checkpoint == NEW_MODEL:
        raise UnfreezeError(
            "Of a pretraining there is no code to show; choose a run that fine-tunes."
        )
    if "precision" not in run.facts:
        raise UnfreezeError("This run has not begun to train; its code can be shown when it has.")
    if run.facts["steps_per_epoch"] > math.ceil(run.facts["train_texts"] / config.batch_size):
        raise UnfreezeError(
            "This run of an earlier version learned from unlabelled texts, too; there is no code of it."
        )
    return fill(TEMPLATE.read_text("utf-8"), *_filling(run.name, config, run.facts))


def fill(template: str, flags: set[str], values: dict[str, Any]) -> str:
    """Keep the lines whose flags are set, and put values in the place of $names.

    `#: one !other` opens a block for where `one` is set and `other` is not, `#: end` closes it, and at
    the end of a line it stands for that line.
    """

    def holds(condition: str) -> bool:
        return all(
            (word.lstrip("!") in flags) != word.startswith("!") for word in condition.split()
        )

    kept: list[str] = []
    inside = [True]
    for line in template.splitlines():
        code, _, condition = line.rpartition("#: ")
        if condition == "end" and not code.strip():
            inside.pop()
        elif _ and not code.strip():
            inside.append(holds(condition))
        elif all(inside) and (not _ or holds(condition)):
            kept.append(code.rstrip() if _ else line)
    return Template("\n".join(kept) + "\n").substitute(values)


def sample_files() -> dict[str, str]:
    """The built-in sample as its code reads it: train.csv and test.csv with label and text."""
    train, train_labels, test, test_labels = sample.generate()
    found = {}
    for part, texts, labels in (("train", train, train_labels), ("test", test, test_labels)):
        file = io.StringIO(newline="")
        rows = csv.writer(file)
        rows.writerow(["label", "text"])
        names = (sample.SPEC.labels[label] for label in labels)
        rows.writerows(zip(names, texts, strict=True))
        found[f"{part}.csv"] = file.getvalue()
    return found


def export_sample(folder: Path) -> None:
    """Write the built-in sample into a folder. Raises UnfreezeError."""
    try:
        for name, content in sample_files().items():
            files.write(folder / name, content.encode())
    except OSError as error:
        raise UnfreezeError(f"{folder} cannot be written ({error.strerror}).") from error


def sample_archive() -> bytes:
    """The same as a zip, to unpack beside the code."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in sample_files().items():
            writer.writestr(f"{SAMPLE}/{name}", content)
    return archive.getvalue()


def _filling(
    name: str, config: FineTuneConfig, facts: dict[str, Any]
) -> tuple[set[str], dict[str, Any]]:
    import torch  # late, as a page shows a run before it is needed

    from ftcore import devices
    from ftcore.models import classifier
    from ftcore.text import batches
    from ftcore.training import cached_features

    parent = checkpoints.find(config.checkpoint)
    words = parent if parent.words == parent.ref else checkpoints.find(parent.words)
    labels = datasets.SPECS[config.dataset].labels
    device, bf16 = facts["device"], facts["precision"] == "bf16"
    alone = strategies.head_alone(config, parent.model)
    rates = strategies.learning_rates(config, parent.model)
    conditions = {
        config.dataset: True,
        config.mode: True,
        "csv": config.dataset != "imdb",
        "adamw": config.optimizer == "adamw",
        "one_cycle": config.schedule == "one-cycle",
        "clip": config.max_grad_norm > 0,
        "dropout": config.dropout > 0 and not alone,
        "word_dropout": config.word_dropout > 0 and not alone,
        "head_alone": alone,
        "new_head": parent.labels != labels,
        "bf16": bf16,
        "written": bf16 and device == "cpu",
        "fused": config.max_length > classifier.WRITTEN_OUT,
    }
    tokens = devices.batch_tokens(torch.device(device))
    return {flag for flag, on in conditions.items() if on}, {
        "about": f"{_on_one_line(name)}: {config.mode} on {datasets.title(config.dataset)}.",
        "checkpoint": _quoted(parent.path),
        "words": _quoted(words.path),
        "data": _quoted(_data(config)),
        "labels": json.dumps(labels),
        "seed": config.seed,
        "epochs": config.epochs,
        "batch_size": config.batch_size,
        "device": device,
        "dim": parent.model.dim,
        "heads": parent.model.heads,
        "layers": parent.model.layers,
        "feedforward": parent.model.feedforward,
        "length": config.truncation.length,
        "from_start": config.truncation.head,
        "limit": f"[:{config.limit}]" if config.limit else "",
        "dropout": config.dropout,
        "word_dropout": config.word_dropout,
        "clip": config.max_grad_norm,
        "parent_classes": parent.model.classes,
        "autocast_too": ", torch.autocast(DEVICE, torch.bfloat16)" if bf16 else "",
        "stride": batches.STRIDE,
        "written_out": classifier.WRITTEN_OUT,
        "batch_tokens": tokens,
        "evaluation_tokens": cached_features.HEAD_TOKENS if alone else tokens,
        "unfrozen": "; in epoch n the first n do" if config.mode == "gradual" else "",
        "groups": "\n".join(f"    ({_module(group)}, {rate!r})," for group, rate in rates.items()),
        "optimizer": "AdamW" if config.optimizer == "adamw" else "SGD",
        "weight_decay": config.weight_decay,
        "evaluations": config.evaluations,
    }


def _data(config: FineTuneConfig) -> Path:
    if config.dataset == "sample":
        return Path(SAMPLE)
    path = (
        Path(config.source).expanduser()
        if config.source
        else datasets.download_paths(config.dataset)[0]
    )
    return path.parent if config.dataset == "ag_news" and path.suffix == ".csv" else path


def _module(group: str) -> str:
    """A layer group of ours in the script's model."""
    kind, _, number = group.partition(" ")
    if kind == "layer":
        return f"model.layers[{int(number) - 1}]"
    return "model.classifier" if kind == "head" else "model.embedding"


def _quoted(path: str | Path) -> str:
    """A path as Python writes it."""
    return json.dumps(str(path), ensure_ascii=False)


def _on_one_line(name: str) -> str:
    """A name within a docstring."""
    return " ".join(name.replace("\\", "/").replace('"', "'").split())
