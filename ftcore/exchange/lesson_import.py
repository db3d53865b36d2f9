"""The lesson's own model file: checked, given its words, measured, and saved as a checkpoint."""

import re
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore import devices, paths, validation
from ftcore.config import PRESETS
from ftcore.data import ag_news, datasets
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.classifier import TextClassifier, sinusoids, unfilled
from ftcore.models.spec import ModelSpec
from ftcore.storage import files
from ftcore.text import vocabulary, word_vectors
from ftcore.text.batches import Tokens
from ftcore.text.truncation import MAX_LENGTH, Truncation
from ftcore.training import row_classifier

WORDS = 40_000  # most frequent words that are kept
EMBEDDING, POSITIONS = "emb.weight", "pos_encoder.pe"
WINDOW = Truncation(PRESETS["Lesson"]["max_length"])

# In GloVe, 1 % of the words resemble the word two ranks on, and 90 % still resemble themselves
# after each vector was moved by as much as vectors differ.
_ALIKE = 0.5  # cosine from which a row is taken for the word's vector
_MOST = 0.8  # share of the words that must be alike

# What torch says on stderr of a file that it then refuses.
for _message in ("Detected pickle protocol", "'torch.load' received a zip file"):
    warnings.filterwarnings("ignore", _message)

_GIVE = "give the file that torch.save wrote of the model's state_dict()."


@dataclass(frozen=True)
class Alignment:
    """Where the embedding has the file's first word vector, and how well all of them agree."""

    first_row: int  # 0: ids stand two off; 2: words and rows belong together
    alike: float  # share of the words whose row is, roughly, their vector
    cosine: float  # mean over the words; 1 where the vectors were not trained further


def import_lesson(
    path: Path,
    vectors: Path,
    *,
    heads: int = 2,
    name: str = "lesson",
    ag_news_source: str = "",
    words: int = WORDS,
) -> Task[Checkpoint]:
    """The lesson's .pth as the checkpoint `name`, which knows the first `words` words of `vectors`.

    `vectors` is the GloVe file that the model was made with, as the .pth holds neither words nor the
    number of heads. Accuracy is measured where the model has the 4 classes of AG News. Nothing is left
    behind where the task fails or is closed early. Raises UnfreezeError.
    """
    target = _target(name)
    validation.refuse_special_files(path, vectors)
    weights = yield from _read(path)
    shape = _shape(path, weights, heads)
    rows = shape.vocab_size
    known, glove = yield from word_vectors.load_vectors(vectors, max(1, min(words, rows - 2)))
    kept = weights[EMBEDDING][: len(glove) + len(vocabulary.SPECIALS)].float()
    alignment = _align(path, kept, vectors, glove)
    # Either way each id has the row that it had in the lesson; <pad>'s never counts, being masked.
    tokens = [*vocabulary.SPECIALS, *known]
    shape = ModelSpec(**asdict(shape) | {"vocab_size": len(kept)})
    model = _model(path, weights | {EMBEDDING: kept.half()}, shape)
    labels = tuple(f"class {number}" for number in range(shape.classes))
    title, dataset, metrics = "The lesson's model", "unknown", {}
    measured = f"Not measured, as it tells {shape.classes} classes apart and AG News has 4."
    if shape.classes == len(ag_news.LABELS):
        labels, title, dataset = ag_news.LABELS, "The lesson's AG News model", "ag_news"
        accuracy, texts = yield from _accuracy(model, tokens, ag_news_source)
        metrics = {"test_accuracy": accuracy}
        measured = f"{accuracy:.1%} of {texts:,} AG News test texts are right, measured at import."
    yield Progress("saving", 0, 1, "checkpoint")
    with files.new_folder(target) as staging:
        checkpoint_files.save(
            model,
            staging,
            ref=name,
            title=title,
            labels=labels,
            vocabulary=tokens,
            truncation=WINDOW,
            dataset=dataset,
            metrics=metrics,
            origin={
                "file": path.name,
                "vectors": vectors.name,
                "rows": rows,
                "rows_kept": len(kept),
                **asdict(alignment),
            },
        )
        card = _card(path, vectors, shape, rows, alignment, measured)
        (staging / checkpoints.CARD).write_text(card, "utf-8")
    return checkpoints.find(name)


def _target(name: str) -> Path:
    """The new checkpoint's folder, whose name must lead nowhere else and be free."""
    if not re.fullmatch(r"\w[\w .-]{0,59}", name) or name != name.strip():
        raise UnfreezeError(
            f"{name!r} cannot name a checkpoint: use up to 60 letters, digits, dots, dashes and spaces."
        )
    taken = (paths.BUNDLED_CHECKPOINTS, paths.checkpoints_dir(), paths.runs_dir())
    if any((folder / name).exists() for folder in taken):
        raise UnfreezeError(f"There is a checkpoint {name!r} already: choose another name.")
    return paths.checkpoints_dir() / name


def _read(path: Path) -> Task[dict[str, Tensor]]:
    """The tensors of a file by name. Nothing that the file holds is run."""
    try:
        size = path.stat().st_size
        yield Progress("reading", 0, size, "bytes")
        swollen = validation.is_zip_bomb(path)
        if not swollen:
            validation.check_zip_checksums(path)
        loaded = {} if swollen else torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UnfreezeError(
            f"{validation.printable(str(path))} cannot be read ({error.strerror}): correct it."
        ) from error
    except Exception as error:  # a damaged file fails in whatever way its bytes lead to
        # The name alone, as no module here imports pickle.
        if type(error).__name__ == "UnpicklingError":
            raise UnfreezeError(
                f"{path.name} was refused, and nothing in it was run: it holds something else than plain "
                f"weights, such as code; {_GIVE}"
            ) from error
        raise UnfreezeError(
            f"{path.name} is no file of torch weights, is damaged, or is cut short: "
            f"fetch it again, or {_GIVE}"
        ) from error
    yield Progress("reading", size, size, "bytes")
    if swollen:
        raise UnfreezeError(f"{path.name} unpacks to far more than its size: {_GIVE}")
    if not isinstance(loaded, dict) or not loaded:
        raise UnfreezeError(f"{path.name} holds no weights by name: {_GIVE}")
    if strange := [str(name) for name, value in loaded.items() if not _is_plain(value)]:
        raise UnfreezeError(
            f"{path.name} holds other things than weights ({_list(strange)}): {_GIVE}"
        )
    return {str(name): weight for name, weight in loaded.items()}


def _is_plain(value: object) -> bool:
    """Whether it is a tensor of numbers that are all there."""
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
        and value.is_contiguous()
    )


def _shape(path: Path, weights: dict[str, Tensor], heads: int) -> ModelSpec:
    """The model's sizes, once every name and shape fits them."""
    hidden = "transformer_encoder.layers.0.linear1.weight"
    sources = (EMBEDDING, hidden, "classifier.weight")
    numbers = {part[1] for name in weights if (part := re.match(r"\D+\.layers\.(\d+)\.", name))}
    layers = max(1, len(numbers))
    found = [weights[name] for name in sources if name in weights and weights[name].dim() == 2]
    if len(found) < len(sources):  # not enough to say how large the others must be
        faults = _faults(weights, ModelSpec(1, 1, 1, 1, layers, 1), names_only=True)
        faults += [
            f"{name} is no matrix"
            for name in sources
            if name in weights and weights[name].dim() != 2
        ]
    else:
        embedding, linear, classifier = found
        shape = ModelSpec(
            len(embedding), embedding.shape[1], len(classifier), heads, layers, len(linear)
        )
        faults = _faults(weights, shape)
    if faults:
        raise UnfreezeError(f"{path.name} is not the lesson's model: {_list(faults)}.")
    return shape


def _faults(weights: dict[str, Tensor], shape: ModelSpec, names_only: bool = False) -> list[str]:
    """All that differs from the lesson's model of these sizes."""
    with torch.device("meta"):  # sizes without numbers
        model = TextClassifier(shape).state_dict()
    expected = {_lesson_name(name): list(weight.shape) for name, weight in model.items()}
    given = {name: list(weight.shape) for name, weight in weights.items()}
    positions = given.pop(POSITIONS, None)
    faults = [f"{name} is missing" for name in expected if name not in given]
    faults += [f"{name} does not belong there" for name in given if name not in expected]
    if positions is None:
        faults.append(f"{POSITIONS} is missing")
    if names_only:
        return faults
    faults += [
        f"{name} is {given[name]} instead of {size}"
        for name, size in expected.items()
        if given.get(name, size) != size
    ]
    if positions is not None:
        table = weights[POSITIONS].squeeze()  # [places, dim], with an axis for the batch somewhere
        if table.dim() != 2 or table.shape[1] != shape.dim:
            faults.append(f"{POSITIONS} is {positions} instead of [1, places, {shape.dim}]")
        else:
            table = table[:MAX_LENGTH].float()
            if not table.allclose(sinusoids(len(table), shape.dim), rtol=0, atol=0.01):
                faults.append(f"{POSITIONS} holds other positions than the sinusoidal ones")
    return faults


def _lesson_name(name: str) -> str:
    return EMBEDDING if name == "embedding.weight" else name


def _align(path: Path, rows: Tensor, file: Path, vectors: Tensor) -> Alignment:
    """Compare the embedding's rows with the word vectors, from row 0 on and from row 2 on."""
    if rows.shape[1] != vectors.shape[1]:
        raise UnfreezeError(
            f"{file.name} holds {vectors.shape[1]}-d vectors and {path.name} {rows.shape[1]}-d ones: "
            "give the vectors that the model was made with."
        )
    found = []
    for first_row in (0, len(vocabulary.SPECIALS)):
        own = rows[first_row : first_row + len(vectors)]
        other = vectors[: len(own)]
        # What all vectors have in common says nothing of a word, so it is taken away.
        cosines = F.cosine_similarity(own - own.mean(0), other - other.mean(0))
        alike = (cosines > _ALIKE).float().mean().item()
        found.append(Alignment(first_row, alike, cosines.mean().item()))
    best = max(found, key=lambda one: one.alike)
    if best.alike < _MOST:
        raise UnfreezeError(
            f"{file.name} does not hold the vectors that {path.name} was made with "
            f"({best.alike:.0%} of its first {len(vectors):,} words agree): give the file that does."
        )
    return best


def _model(path: Path, weights: dict[str, Tensor], shape: ModelSpec) -> TextClassifier:
    model = unfilled(shape)
    used = {name: weights[_lesson_name(name)] for name in model.state_dict()}
    if broken := [name for name, weight in used.items() if not weight.isfinite().all()]:
        raise UnfreezeError(
            f"{path.name} holds values that are no numbers in {_list(broken)}: give another."
        )
    model.load_state_dict(used)
    return model.eval()


def _accuracy(model: TextClassifier, words: list[str], source: str) -> Task[tuple[float, int]]:
    """On the AG News test set, and its number of texts."""
    dataset = yield from datasets.load("ag_news", source)
    vocab = vocabulary.vocab_from_tokens(words)
    ids, offsets = yield from vocabulary.encode(dataset.test.texts, vocab, WINDOW.length)
    device = devices.pick()
    tokens = Tokens.pack(ids, offsets, dataset.test.labels).to(device)
    try:
        classifier = row_classifier.whole_model(model.to(device), tokens, WINDOW, device, "fp32")
        scores = yield from classifier.predict(torch.arange(len(tokens)), "testing")
        accuracy = (scores.argmax(1) == tokens.labels.cpu()).float().mean().item()
    finally:
        model.cpu()
    return accuracy, len(tokens)


def _card(
    path: Path, vectors: Path, shape: ModelSpec, rows: int, alignment: Alignment, measured: str
) -> str:
    """What is known of the model, Markdown."""
    if alignment.first_row:
        ids = "Words and vectors belong together: each word has its own row of the embedding."
    else:
        ids = (
            "Words and vectors stand two off: the vocabulary has `<unk>` and `<pad>` before the words, "
            "the embedding does not, so each word has the vector of the word two ranks on. The model "
            "was trained so and is kept so."
        )
    trained = "as in that file"
    if alignment.cosine < 0.999:
        trained = f"trained further (mean cosine {alignment.cosine:.2f} with that file's)"
    facts = (
        f"{measured} In the lesson, attention ran across the texts of a batch and padding was not "
        "masked; here each text is read alone, so the figure can be lower than the lesson's.",
        f"{ids} Found by comparing the rows with the vectors: {alignment.alike:.0%} of the words agree.",
        f"The word vectors are {trained}, in half precision. Kept are {shape.vocab_size:,} of "
        f"{rows:,} rows, those of the most frequent words; all other words are unknown to it.",
        f"{shape.heads} attention heads, as given at import; the file does not say.",
    )
    source = f"From {_code(path.name)}, with the words of {_code(vectors.name)}."
    return "\n".join([source, "", *(f"- {fact}" for fact in facts), ""])


def _code(name: str) -> str:
    return f"`{name.replace('`', '')}`"


def _list(parts: list[str]) -> str:
    return ", ".join(parts)
