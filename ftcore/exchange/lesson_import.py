"""Import of the lesson's model file: given its words, measured, and saved as a checkpoint."""

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ftcore import devices, paths, validation
from ftcore.config import PRESETS
from ftcore.data import ag_news, datasets
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.exchange import lesson_file
from ftcore.models import checkpoint_files, checkpoints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.classifier import TextClassifier
from ftcore.models.spec import ModelSpec
from ftcore.storage import files
from ftcore.text import vocabulary, word_vectors
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation
from ftcore.training import row_classifier

WORDS = 40_000  # the most frequent words, whose vectors are imported
TRUNCATION = Truncation(PRESETS["Lesson"]["max_length"])

# In GloVe, 1% of the words resemble the word two ranks on, and 90% still resemble themselves
# after each vector was moved by as much as vectors differ.
_SIMILAR = 0.5  # cosine from which a row counts as the word's vector
_MIN_AGREEMENT = 0.8


@dataclass(frozen=True)
class Alignment:
    """Where the embedding has the file's first word vector, and how well they agree."""

    first_row: int  # 0: ids are two off; 2: words and rows belong together
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
    target = _target(name)
    validation.refuse_special_files(path, vectors)
    weights = yield from lesson_file.read_weights(path)
    spec = lesson_file.model_spec(path, weights, heads)
    rows = spec.vocab_size
    known, glove = yield from word_vectors.load_vectors(vectors, max(1, min(words, rows - 2)))
    embedding = weights[lesson_file.EMBEDDING][: len(glove) + len(vocabulary.SPECIALS)].float()
    alignment = _align(path, embedding, vectors, glove)
    # With either alignment, each id keeps the row that it had in the lesson.
    tokens = [*vocabulary.SPECIALS, *known]
    spec = replace(spec, vocab_size=len(embedding))
    weights |= {lesson_file.EMBEDDING: embedding.half()}
    model = lesson_file.build_model(path, weights, spec)
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
            vocabulary=tokens,
            truncation=TRUNCATION,
            dataset=dataset,
            metrics=metrics,
            origin=origin | asdict(alignment),
        )
        card = _card(path, vectors, spec, rows, alignment, measured)
        (staging / checkpoints.CARD).write_text(card, "utf-8")
    return checkpoints.find(name)


def _target(name: str) -> Path:
    """Return the folder of a new checkpoint. Raises UnfreezeError if the name is invalid or taken."""
    if not re.fullmatch(r"\w[\w .-]{0,59}", name) or name != name.strip():
        raise UnfreezeError(
            f"{name!r} cannot name a checkpoint: use up to 60 letters, digits, dots, dashes and spaces."
        )
    folders = (paths.BUNDLED_CHECKPOINTS, paths.checkpoints_dir(), paths.runs_dir())
    if any((folder / name).exists() for folder in folders):
        raise UnfreezeError(f"There is a checkpoint {name!r} already: choose another name.")
    return paths.checkpoints_dir() / name


def _align(path: Path, rows: Tensor, file: Path, vectors: Tensor) -> Alignment:
    """Compare the embedding's rows with the word vectors, from row 0 and from row 2 on."""
    if rows.shape[1] != vectors.shape[1]:
        raise UnfreezeError(
            f"{file.name} holds {vectors.shape[1]}-d vectors and {path.name} {rows.shape[1]}-d ones: "
            "give the vectors that the model was made with."
        )
    alignments = []
    for first_row in (0, len(vocabulary.SPECIALS)):
        own = rows[first_row : first_row + len(vectors)]
        other = vectors[: len(own)]
        # The mean, which all vectors share, says nothing about a word.
        cosines = F.cosine_similarity(own - own.mean(0), other - other.mean(0))
        agreement = (cosines > _SIMILAR).float().mean().item()
        alignments.append(Alignment(first_row, agreement, cosines.mean().item()))
    best = max(alignments, key=lambda alignment: alignment.agreement)
    if best.agreement < _MIN_AGREEMENT:
        raise UnfreezeError(
            f"{file.name} does not hold the vectors that {path.name} was made with "
            f"({best.agreement:.0%} of its first {len(vectors):,} words agree): give the file that does."
        )
    return best


def _test(model: TextClassifier, words: list[str], source: str) -> Task[tuple[float, int]]:
    """Return the accuracy on the AG News test set, and its number of texts."""
    dataset = yield from datasets.load("ag_news", source)
    vocab = vocabulary.vocab_from_tokens(words)
    ids, offsets = yield from vocabulary.encode(dataset.test.texts, vocab, TRUNCATION.length)
    device = devices.pick()
    tokens = Tokens.pack(ids, offsets, dataset.test.labels).to(device)
    try:
        classifier = row_classifier.whole_model(model.to(device), tokens, TRUNCATION, "fp32")
        scores = yield from classifier.predict(torch.arange(len(tokens)), "testing")
    finally:
        model.cpu()
    return (scores.argmax(1) == tokens.labels.cpu()).float().mean().item(), len(tokens)


def _card(
    path: Path, vectors: Path, spec: ModelSpec, rows: int, alignment: Alignment, measured: str
) -> str:
    """Return the model card, Markdown."""
    if alignment.first_row:
        ids = "Words and vectors belong together: each word has its own row of the embedding."
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
- {ids} Found by comparing the rows with the vectors: {alignment.agreement:.0%} of the words agree.
- The word vectors are {trained}, in half precision. Kept are {spec.vocab_size:,} of {rows:,} rows, those of \
the most frequent words; all other words are unknown to it.
- {spec.heads} attention heads, as given at import; the file does not say.
"""
