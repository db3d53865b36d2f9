"""Import of the lesson's .pth: read without running code, checked, measured, and saved."""

import re
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore import devices, settings, validation
from ftcore.config import SETTINGS
from ftcore.data import ag_news, datasets
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import Noted, Progress, Task
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.creation import weight_faults
from ftcore.models.lesson_model import LessonClassifier, sinusoids, unfilled
from ftcore.models.spec import LessonSpec
from ftcore.presets import PRESETS
from ftcore.storage import files
from ftcore.text import word_rules, word_vectors
from ftcore.text.batches import Tokens
from ftcore.text.truncation import MAX_LENGTH, Truncation
from ftcore.text.words import SPECIALS, WordTokenizer
from ftcore.training import row_classifier

WORDS = 40_000  # the most frequent words, whose vectors are imported
TRUNCATION = Truncation(PRESETS["Lesson"]["max_length"])
RULE = word_rules.EARLIER  # the lesson's own

# In GloVe, 1% of the words resemble the word two ranks on, and 90% still resemble themselves
# after each vector was moved by as much as vectors differ.
_SIMILAR = 0.5  # cosine from which a row counts as the word's vector
_MIN_AGREEMENT = 0.8

_MAX_FIRST_ROW = 16  # rows of special tokens before the words

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_MAX_WRAPPERS = 3  # within each other; one that holds itself would have no end
_EMBEDDING, _POSITIONS = "emb.weight", "pos_encoder.pe"
_MATRICES = (_EMBEDDING, "classifier.weight", "transformer_encoder.layers.0.linear1.weight")
_EXPECTED = "give the file that torch.save wrote of the model's state_dict()."

# What torch prints on stderr about a file that it then refuses.
for _message in ("Detected pickle protocol", "'torch.load' received a zip file"):
    warnings.filterwarnings("ignore", _message)


@dataclass(frozen=True)
class Alignment:
    """Where the embedding has the file's first word vector, and how well they agree."""

    first_row: int  # 0: ids are two off; else words and rows belong together
    agreement: float  # fraction of the words whose row resembles their vector
    mean_cosine: float  # over the words; 1 if the vectors were not trained further


def import_lesson(
    path: Path,
    vectors: Path,
    *,
    heads: int = 2,
    name: str = "lesson",
    ag_news_source: str = "",
    words: int = WORDS,
) -> Task[Checkpoint]:
    """Import the lesson's .pth as the checkpoint `name`, with the first `words` words of `vectors`.

    `vectors` is the GloVe file that the model was made with: the .pth holds neither words nor the number
    of heads. Accuracy is measured if the model has the 4 classes of AG News. A failed or closed task
    leaves nothing behind. Raises UnfreezeError.
    """
    heads = settings.checked(SETTINGS["heads"], heads)
    if ag_news_source:
        validation.existing_path(ag_news_source)
    target = checkpoints.new_path(name)
    validation.refuse_special_files(path, vectors)
    weights = yield from _read_weights(path)
    spec = _model_spec(path, weights, heads)
    if ag_news_source and spec.classes != len(ag_news.LABELS):
        raise UsageError(
            f"{path.name} has {spec.classes} classes, so it is not measured on AG News, which has 4: "
            "omit the folder of AG News (--source)."
        )
    rows = spec.vocab_size
    words = max(1, min(words, rows))
    known, glove, notes = yield from word_vectors.load_vectors(vectors, words)
    for note in notes:
        yield Noted(note)
    first_rows = weights[_EMBEDDING][: len(glove) + _MAX_FIRST_ROW].float()
    if not first_rows.half().isfinite().all():
        _refuse(path, ["the values of embedding.weight are not all finite in half precision"])
    alignment = _align(path, first_rows, vectors, glove)
    if others := round((1 - alignment.agreement) * len(glove)):
        yield Noted(
            f"{others:,} of {len(glove):,} words have other vectors in {path.name} than in "
            f"{vectors.name}: they were trained further, or the files do not belong together."
        )
    embedding = _with_specials(first_rows, alignment.first_row, len(glove))
    tokens = [*SPECIALS, *known[: len(embedding) - len(SPECIALS)]]
    spec = replace(spec, vocab_size=len(embedding))
    weights |= {_EMBEDDING: embedding.half()}
    model = _build_model(path, weights, spec)
    labels = tuple(f"class {number}" for number in range(spec.classes))
    title, dataset, metrics = "The lesson's model", "unknown", {}
    measured = f"Not measured, as it has {spec.classes} classes and AG News has 4."
    if spec.classes == len(ag_news.LABELS):
        labels, title, dataset = ag_news.LABELS, "The lesson's AG News model", "ag_news"
        accuracy, texts = yield from _test(model, tokens, ag_news_source)
        metrics = {"test_accuracy": accuracy}
        measured = f"{accuracy:.1%} of {texts:,} AG News test texts are right, measured at import."
    origin = {"file": path.name, "vectors": vectors.name, "rows": rows, "rows_kept": len(embedding)}
    yield Progress("saving", 0, 1, "checkpoint")
    with files.new_folder(target) as staging:
        checkpoint_files.save(
            model,
            staging,
            ref=name,
            title=title,
            labels=labels,
            truncation=TRUNCATION,
            tokenizer=WordTokenizer(RULE, tokens),
            dataset=dataset,
            metrics=metrics,
            origin=origin | asdict(alignment),
        )
        card = _card(path, vectors, spec, rows, alignment, measured)
        (staging / checkpoints.CARD).write_text(card, "utf-8")
    return checkpoints.find(name)


def _read_weights(path: Path) -> Task[dict[str, Tensor]]:
    """Return the tensors of a .pth by name. Nothing in the file is run. Raises UnfreezeError."""
    name = path.name
    try:
        size = path.stat().st_size
        yield Progress("reading", 0, size, "bytes")
        if validation.is_zip_bomb(path):
            raise UnfreezeError(f"{name} unpacks to far more than its size: {_EXPECTED}")
        validation.check_zip_checksums(path)
        weights = torch.load(path, map_location="cpu", weights_only=True)
    except UnfreezeError:
        raise
    except OSError as error:
        name = validation.printable(str(path))
        raise UnfreezeError(f"{name} cannot be read ({error.strerror}): correct it.") from error
    except Exception as error:  # torch raises many kinds of errors for a damaged file
        fault = "is no file of torch weights, is damaged, or is cut short"
        if type(error).__name__ == "UnpicklingError":  # by name: no module here imports pickle
            fault = (
                "was refused, and nothing in it was run: it holds something else than plain weights"
            )
        raise UnfreezeError(f"{name} {fault}: {_EXPECTED}") from error
    yield Progress("reading", size, size, "bytes")
    weights = _without_wrappers(name, weights)
    if not isinstance(weights, dict) or not weights:
        raise UnfreezeError(f"{name} holds no weights by name: {_EXPECTED}")
    faults = {str(key): fault for key, value in weights.items() if (fault := _weight_fault(value))}
    if faults:
        shown = validation.printable(", ".join(f"{key} {fault}" for key, fault in faults.items()))
        raise UnfreezeError(
            f"{name} holds something else than plain weights ({shown}): {_EXPECTED}"
        )
    weights = _without_prefix({str(key): weight for key, weight in weights.items()})
    return {key: weight.contiguous() for key, weight in weights.items()}


def _without_wrappers(name: str, content: Any) -> Any:
    """Return what a training loop wrapped with its state, such as {"epoch": 3, "state_dict": …}."""
    for _ in range(_MAX_WRAPPERS):
        if not isinstance(content, dict):
            break
        found = [key for key in _WRAPPERS if isinstance(content.get(key), dict)]
        if len(found) > 1:
            raise UnfreezeError(f"{name} holds several models ({', '.join(found)}): {_EXPECTED}")
        if not found:
            break
        content = content[found[0]]
    return content


def _without_prefix(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights without the parts that all names begin with, such as `module.` or `_orig_mod.`."""
    while _EMBEDDING not in weights and all("." in name for name in weights):
        if len({name.partition(".")[0] for name in weights}) > 1:
            break
        weights = {name.partition(".")[2]: weight for name, weight in weights.items()}
    return weights


def _model_spec(path: Path, weights: dict[str, Tensor], heads: int) -> LessonSpec:
    """Return the sizes of the model. Raises UnfreezeError, naming the weights that do not fit."""
    wrong = [name for name in _MATRICES if name not in weights or weights[name].dim() != 2]
    _refuse(path, [f"{name} is missing or no matrix" for name in wrong])
    (rows, dim), (classes, _), (feedforward, _) = (weights[name].shape for name in _MATRICES)
    layers = {match[1] for name in weights if (match := re.match(r"\D+\.layers\.(\d+)\.", name))}
    spec = LessonSpec(rows, dim, classes, heads, len(layers), feedforward)
    _refuse(path, weight_faults(spec, _renamed(weights)))
    positions = weights.get(_POSITIONS, torch.empty(0)).squeeze()  # [places, dim]
    if positions.dim() != 2 or positions.shape[1] != dim:
        _refuse(path, [f"{_POSITIONS} is missing or not of the shape [1, places, {dim}]"])
    positions = positions[:MAX_LENGTH].float()
    if not positions.allclose(sinusoids(*positions.shape), rtol=0, atol=0.01):
        _refuse(path, [f"{_POSITIONS} holds other positions than the sinusoidal ones"])
    return spec


def _build_model(path: Path, weights: dict[str, Tensor], spec: LessonSpec) -> LessonClassifier:
    """Return the model in eval mode. Raises UnfreezeError if a weight does not fit."""
    state = _renamed(weights)
    _refuse(path, weight_faults(spec, state))
    model = unfilled(spec)
    model.load_state_dict(state)
    return model.eval()


def _renamed(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights with our names, _POSITIONS excluded."""
    names = {_EMBEDDING: "embedding.weight"}
    return {names.get(name, name): weights[name] for name in weights if name != _POSITIONS}


def _refuse(path: Path, faults: list[str]) -> None:
    if faults:
        text = validation.printable(", ".join(faults))
        raise UnfreezeError(f"{path.name} is not the lesson's model: {text}.")


def _weight_fault(value: object) -> str:
    """Return what keeps a value from being a dense tensor of floating-point numbers; "" if it is one."""
    if not isinstance(value, Tensor):
        return "is no tensor"
    if value.layout != torch.strided or value.device.type != "cpu" or not value.is_floating_point():
        return "has no floating-point numbers"
    if value.untyped_storage().nbytes() < value.numel() * value.element_size():
        return "repeats the same numbers"  # and would fill the memory
    return ""


def _with_specials(rows: Tensor, first_row: int, words: int) -> Tensor:
    """Return the embedding for `SPECIALS` and the words, whose vectors begin at `first_row`.

    Without rows before them, ids are two off, as in the lesson: each id keeps its row. Otherwise the
    first row is that of <unk>; that of <pad> never counts.
    """
    specials = len(SPECIALS)
    if first_row in (0, specials):
        return rows[: words + specials]
    unknown = rows[:1]
    padding = rows[1:specials] if first_row > specials else torch.zeros_like(unknown)
    return torch.cat([unknown, padding, rows[first_row : first_row + words]])


def _align(path: Path, rows: Tensor, file: Path, vectors: Tensor) -> Alignment:
    """Compare the embedding's rows with the word vectors, from each of the first rows on."""
    if rows.shape[1] != vectors.shape[1]:
        raise UnfreezeError(
            f"{file.name} has {vectors.shape[1]}-d vectors and {path.name} {rows.shape[1]}-d ones: "
            "give the vectors that the model was made with."
        )
    # Few rows agree by chance.
    last = min(_MAX_FIRST_ROW, len(rows) // 5)
    alignments = [_alignment(rows[first:], vectors, first) for first in range(last + 1)]
    best = max(alignments, key=lambda alignment: alignment.agreement)
    if best.agreement >= _MIN_AGREEMENT:
        return best
    for ahead in range(1, min(_MAX_FIRST_ROW, len(vectors) // 10) + 1):
        if _alignment(rows, vectors[ahead:], 0).agreement >= _MIN_AGREEMENT:
            raise UnfreezeError(
                f"{file.name} has {ahead} words before the first one of {path.name}: "
                "give the file that it was made with, or remove their lines."
            )
    raise UnfreezeError(
        f"{file.name} does not hold the vectors that {path.name} was made with "
        f"({best.agreement:.0%} of its {len(vectors):,} words agree): give the file that does."
    )


def _alignment(rows: Tensor, vectors: Tensor, first_row: int) -> Alignment:
    count = min(len(rows), len(vectors))
    own, other = rows[:count], vectors[:count]
    # The mean, which all vectors share, says nothing about a word.
    cosines = F.cosine_similarity(own - own.mean(0), other - other.mean(0))
    agreement = (cosines > _SIMILAR).float().mean().item()
    return Alignment(first_row, agreement, cosines.mean().item())


def _test(model: LessonClassifier, words: list[str], source: str) -> Task[tuple[float, int]]:
    """Return the accuracy on the AG News test set, and its number of texts."""
    dataset = yield from datasets.load("ag_news", source)
    for note in dataset.reading.notes:
        yield Noted(note)
    tokenizer = WordTokenizer(RULE, words)
    ids, offsets = yield from tokenizer.encode(dataset.test.texts, TRUNCATION.length)
    device = devices.pick()
    tokens = Tokens.pack(ids, offsets, dataset.test.labels).to(device)
    model.to(device)
    try:
        classifier = row_classifier.whole_model(model, tokens, TRUNCATION, "fp32")
        scores = yield from classifier.predict(torch.arange(len(tokens)), "testing")
    finally:
        model.cpu()
    return (scores.argmax(1) == tokens.labels.cpu()).float().mean().item(), len(tokens)


def _card(
    path: Path, vectors: Path, spec: LessonSpec, rows: int, alignment: Alignment, measured: str
) -> str:
    """Return the model card, Markdown."""
    if alignment.first_row:
        ids = "Words and vectors belong together: each word has its own row of the embedding."
        if alignment.first_row != len(SPECIALS):
            ids += (
                f" Before the words, the embedding has {alignment.first_row:,} rows, of which the first "
                "is taken for `<unk>`."
            )
    else:
        ids = (
            "Words and vectors are two off: the vocabulary has `<unk>` and `<pad>` before the words, "
            "the embedding does not, so each word has the vector of the word two ranks on. The model "
            "was trained like this, and is imported unchanged."
        )
    trained = "as in that file"
    if alignment.mean_cosine < 0.999:
        trained = f"trained further (mean cosine {alignment.mean_cosine:.2f} with that file's)"
    file, vectors_file = (name.replace("`", "") for name in (path.name, vectors.name))
    return f"""From `{file}`, with the words of `{vectors_file}`.

- {measured} In the lesson, attention ran across the texts of a batch and padding was not masked; here each \
text is read alone, so the figure can be lower than the lesson's.
- Texts are read with {RULE.description}.
- {ids} Found by comparing the rows with the vectors: {alignment.agreement:.0%} of the words agree.
- The word vectors are {trained}, in half precision. Kept are {spec.vocab_size:,} of {rows:,} rows, those of \
the most frequent words; all other words are unknown to it.
- {spec.heads} attention heads, as given at import; the file does not say.
"""
