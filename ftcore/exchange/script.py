"""A run as a plain PyTorch script that does not need Unfreeze: script.txt, filled with its values."""

import csv
import io
import json
import math
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from ftcore import class_weights, tracking, validation
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.data import ag_news, archives, datasets, decoding, imdb, sample
from ftcore.data.store import versions
from ftcore.errors import UnfreezeError
from ftcore.exchange import encoder_script
from ftcore.formatting import listing
from ftcore.models import checkpoint_files, checkpoints, fingerprints
from ftcore.models.checkpoints import Checkpoint
from ftcore.modes import REFERENCES
from ftcore.storage import files
from ftcore.text import normalization, word_rules
from ftcore.training import dependencies, strategies

if TYPE_CHECKING:
    from ftcore.models.classifier import Classifier

TEMPLATE = Path(__file__).with_name("script.txt")
SAMPLE = "sample"  # folder of the built-in sample, beside the script
_SIZES = ("dim", "heads", "layers", "feedforward")
_SETTINGS = ("seed", "epochs", "batch_size", "dropout", "word_dropout", "weight_decay", "warm_up")


def script(run_id: str) -> str:
    """Return the script of a run.

    Raises UnfreezeError if the run has none, or the checkpoint that the script loads is not what it was.
    """
    run = tracking.run(run_id)
    config = run.config
    if config.mode in REFERENCES:
        raise UnfreezeError("A reference trains no network, so it has no code.")
    if config.checkpoint == NEW_MODEL:
        raise UnfreezeError("A pretraining has no code to show; choose a run that fine-tunes.")
    if "precision" not in run.facts:
        raise UnfreezeError("This run has not begun to train; show its code once it has.")
    if run.facts["steps_per_epoch"] > math.ceil(run.facts["train_texts"] / config.batch_size):
        raise UnfreezeError("This run also learned from unlabelled texts, so it has no code.")
    fitted = strategies.fits_head_first(config)
    if fitted and run.facts["train_classes"] < len(run.facts["labels"]):
        raise UnfreezeError(
            "A class has no training text in this run, which the code of LP-FT does not support."
        )
    spec = datasets.find(config.dataset)
    if spec and spec.multi_label:
        raise UnfreezeError(
            "The code of a run whose texts may have several labels cannot be shown yet; choose a run on "
            "other data."
        )
    if run.facts.get("data_encoding") == "":
        raise UnfreezeError(
            "The files of this run's data have several encodings or separators, which no code reads: "
            "save them alike, and train again."
        )
    return fill(TEMPLATE.read_text("utf-8"), *_template_values(run.name, config, run.facts))


def fill(template: str, flags: set[str], values: dict[str, Any]) -> str:
    """Return the lines whose condition holds, with `values` in the place of $names.

    `#: a !b` opens a block for scripts with the flag `a` and without `b`, which `#: end` closes. At the
    end of a line, such a comment is the condition of that line.
    """

    def holds(condition: str) -> bool:
        words = condition.split()
        return all((word.lstrip("!") in flags) != word.startswith("!") for word in words)

    lines: list[str] = []
    blocks: list[bool] = []  # whether each open block's condition holds
    for line in template.splitlines():
        code, marker, condition = line.rpartition("#: ")
        if not marker or code.strip():
            if all(blocks) and (not marker or holds(condition)):
                lines.append(code.rstrip() if marker else line)
        elif condition == "end":
            blocks.pop()
        else:
            blocks.append(holds(condition))
    return Template("\n".join(lines) + "\n").substitute(values)


def sample_files() -> dict[str, str]:
    """Return the built-in sample as train.csv and test.csv, with the columns label and text."""
    train, train_labels, test, test_labels = sample.generate()
    contents = {}
    for split, texts, labels in (("train", train, train_labels), ("test", test, test_labels)):
        file = io.StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(["label", "text"])
        names = (sample.SPEC.labels[label] for label in labels)
        writer.writerows(zip(names, texts, strict=True))
        contents[f"{split}.csv"] = file.getvalue()
    return contents


def export_sample(folder: Path) -> None:
    """Write the built-in sample to a new folder. Raises UnfreezeError."""
    with files.new_folder(folder) as staging:
        for name, content in sample_files().items():
            files.write(staging / name, content.encode())


def sample_archive() -> bytes:
    """Return the built-in sample as a zip, to unpack beside the script."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in sample_files().items():
            writer.writestr(f"{SAMPLE}/{name}", content)
    return archive.getvalue()


def _template_values(
    name: str, config: FineTuneConfig, facts: dict[str, Any]
) -> tuple[set[str], dict[str, Any]]:
    """Return the flags and values of a run for the template."""
    import torch  # late: a page shows a run before it is needed

    from ftcore import devices
    from ftcore.text import batches
    from ftcore.training import cached_features, linear_head

    parent = checkpoints.find(config.checkpoint)
    tokenizer = checkpoint_files.load_tokenizer(parent)
    model = checkpoint_files.load_model(parent, config.dropout, config.word_dropout, beside=True)
    weights, vectors = fingerprints.of_model(model)
    now = {"parent_fingerprint": weights, "vectors_fingerprint": vectors}
    # Records of before the second tokenizer do not name theirs.
    before = {"tokenizer": word_rules.EARLIER.name} | facts
    dependencies.check_facts(before, now | {"tokenizer": tokenizer.name})
    words = checkpoints.words_owner(parent)
    data = datasets.find_spec(config.dataset)
    if data.stored:
        dependencies.check_facts(facts, {"dataset_fingerprint": data.fingerprint})
    version = versions.find(config.dataset) if data.stored else None
    labels = data.labels
    layout = "stored" if data.stored else config.dataset
    bf16 = facts["precision"] == "bf16"
    head_only = strategies.head_alone(config, parent.model)
    fitted = strategies.fits_head_first(config)
    rates = strategies.learning_rates(config, parent.model)
    read = config.reading.length
    trained = [truncation.length for truncation in config.training_truncations]
    explicit_attention = bf16 and facts["device"] == "cpu"
    best_by = facts.get("best_by", "accuracy")  # which earlier versions went by
    of_kind = encoder_script.template_values if config.encoder else _lesson_values
    module = encoder_script.trained_module(config.mode) if config.encoder else _module
    own_flags, own_values = of_kind(config, parent, model, explicit_attention)
    two_threads = (
        facts["device"] == "cpu" and int(str(facts.get("threads", 1)).partition(",")[0]) > 1
    )
    packages = ["torch", "numpy"]
    packages += ["pyarrow"] if data.stored else []
    packages += ["transformers"] if config.encoder else []
    packages += ["peft"] if config.mode == "lora" else []
    without_files = config.encoder and ("hub" in own_flags or config.mode == "scratch")
    packages += [] if without_files else ["safetensors"]
    conditions = {
        layout: True,
        config.mode: True,
        "lp_ft": fitted,
        "two_classes": len(labels) == 2,
        "features": head_only or fitted,
        "csv": layout in ("sample", "ag_news"),
        "adamw": config.optimizer == "adamw",
        "one_cycle": config.schedule == "one-cycle",
        "clip": config.max_grad_norm > 0,
        "cached_features": head_only,
        "halves": two_threads and not (head_only or model.draws_when_training),
        "new_head": parent.labels != labels
        or config.mode == "scratch"
        or "other_pooling" in own_flags,
        "class_weights": bool(config.class_weights),
        "balanced": config.class_weights == class_weights.BALANCED,
        "macro_f1": best_by == "macro-f1",
        "by_loss": best_by == "loss",
        "bf16": bf16,
        "one_table": config.truncation == config.reading,
        "test_part": config.test_limit > 0,
        "journal": bool(version and version.version),
        "unlabelled": bool(version and (version.version or version.waiting)),
    }
    flags = own_flags | {flag for flag, on in conditions.items() if on}
    # A run may have any name, which must not end the script's docstring.
    title = " ".join(name.replace("\\", "/").replace('"', "'").split())
    tokens = devices.batch_tokens(torch.device(facts["device"]))
    values = {
        "about": f"{title}: {config.mode} on {datasets.title(config.dataset)}.",
        "checkpoint": _quoted(parent.path),
        "words": _quoted(words.path),
        "packages": listing([*packages, *["scikit-learn"] * fitted]),
        "data": _quoted(_data(config)),
        "encoding": facts.get("data_encoding", decoding.UTF_8),
        "separator": repr(facts.get("data_separator", ",")).replace("'", '"'),
        "longest": archives.MAX_MEMBER,
        "labels": json.dumps(labels),
        "device": facts["device"],
        "evaluations": facts.get("evaluations_per_epoch", config.evaluations),
        "total_steps": facts["steps"],
        "length": config.max_length,
        "lengths": trained,
        "read_length": read,
        "tail": config.tail_fraction,
        "limit": f"[:{config.limit}]" if config.limit else "",
        "test_limit": config.test_limit,
        "version": version.version if version else 0,
        "clip": config.max_grad_norm,
        "parent_classes": parent.model.classes,
        "autocast": ", torch.autocast(DEVICE, torch.bfloat16)" if bf16 else "",
        "stride": batches.STRIDE,
        "batch_tokens": tokens // (2 if two_threads else 1),
        "evaluation_tokens": cached_features.HEAD_TOKENS if head_only else tokens,
        "unfrozen": "; in epoch n, only the first n train" if config.mode == "gradual" else "",
        "groups": "\n".join(f"    ({module(group)}, {rate!r})," for group, rate in rates.items()),
        "penalties": linear_head.PENALTIES,
        "max_iterations": linear_head.MAX_ITERATIONS,
        "tolerance": linear_head.TOLERANCE,
        "least_spread": linear_head.LEAST_SPREAD,
        "measure": best_by.replace("-f1", " F1"),
        "and_f1": ", and their macro F1" if best_by == "macro-f1" else "",
        "optimizer": "AdamW" if config.optimizer == "adamw" else "SGD",
        **{name: getattr(config, name) for name in _SETTINGS},
        **_class_weights(config, labels),
    } | own_values
    if config.encoder:
        for part in ("tokens", "model"):
            template = Path(__file__).with_name(f"encoder_{part}.txt").read_text("utf-8")
            values[f"encoder_{part}"] = fill(template, flags, values).rstrip()
    return flags, values


def _class_weights(config: FineTuneConfig, labels: Sequence[str]) -> dict[str, Any]:
    """Return the template's values for weights of classes; without weights, they leave no trace."""
    names = ("class_weights", "weights", "double_weights")
    if not config.class_weights:
        return dict.fromkeys(names, "")
    by_hand = config.class_weights != class_weights.BALANCED
    given = class_weights.parse(config.class_weights) if by_hand else {}
    arguments = "CLASS_WEIGHTS", "CLASS_WEIGHTS.double()"
    values = [given.get(label, 1.0) for label in labels], *(f", {each}" for each in arguments)
    return dict(zip(names, values, strict=True))


def _lesson_values(
    config: FineTuneConfig, parent: Checkpoint, model: "Classifier", explicit_attention: bool
) -> tuple[set[str], dict[str, Any]]:
    """Return the flags and values of a run of the lesson's model for the template."""
    from ftcore.models import lesson_model

    rule = word_rules.find(parent.tokenizer)
    longest = max(each.length for each in (*config.training_truncations, config.reading))
    head_only = strategies.head_alone(config, parent.model)
    flags = {
        "dropout": config.dropout > 0 and not head_only,
        "word_dropout": config.word_dropout > 0 and not head_only,
        "explicit_attention": explicit_attention,
        "plain_forms": rule is word_rules.CURRENT,
        "long_texts": longest > lesson_model.WRITTEN_OUT,
    }
    return {flag for flag, on in flags.items() if on}, {
        "words_of": "word vectors",
        "tokenizer": f"{rule.name}, {rule.description}",
        "normalization": _normalization(),
        "max_explicit": lesson_model.WRITTEN_OUT,
        **{name: getattr(parent.model, name) for name in _SIZES},
    }


def _normalization() -> str:
    """The source of `normalization.normalize`, without its docstring and imports."""
    source = Path(normalization.__file__).read_text("utf-8")
    return source.partition("import unicodedata\n")[2].strip()


def _data(config: FineTuneConfig) -> Path:
    """Return where the code reads the data. Raises UnfreezeError for an archive that it does not read."""
    if config.dataset == "sample":
        return Path(SAMPLE)
    data = datasets.find_spec(config.dataset)
    if data.stored:
        return Path(*data.list_files(Path()))
    source = config.source or str(datasets.download_paths(config.dataset)[0])
    path = validation.expand_home(source)
    if path.exists() and archives.is_archive(path):
        if config.dataset != "imdb" or not tarfile.is_tarfile(path):
            raise UnfreezeError(
                f"The code does not read {path.name}: unpack it, and train from its folder."
            )
        return path
    find = {"imdb": imdb.find_root, "ag_news": ag_news.find_folder}[config.dataset]
    return find(path) or path


def _module(group: str) -> str:
    if group.startswith("layer "):
        return f"model.layers[{int(group.removeprefix('layer ')) - 1}]"
    return "model.classifier" if group == "head" else "model.embedding"


def _quoted(path: str | Path) -> str:
    return json.dumps(str(path), ensure_ascii=False)
