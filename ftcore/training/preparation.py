"""What a run trains on, and what it starts from: data, vocabulary and model, ready on the device."""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor, nn

from ftcore import class_weights, devices, memory, validation
from ftcore.config import NEW_MODEL, FineTuneConfig
from ftcore.data import datasets, split_notes, test_part
from ftcore.data.text_dataset import TextDataset
from ftcore.errors import UnfreezeError
from ftcore.events import Facts, Task, drain
from ftcore.models import checkpoint_files, checkpoints, creation, fingerprints
from ftcore.models.checkpoints import Checkpoint
from ftcore.models.classifier import Classifier
from ftcore.models.encoder_spec import EncoderSpec
from ftcore.models.lesson_model import LessonClassifier
from ftcore.models.spec import LessonSpec
from ftcore.text import word_rules, word_vectors, words
from ftcore.text.batches import Tokens
from ftcore.text.tokenizer import Tokenizer, says_nothing
from ftcore.text.truncation import MAX_LENGTH
from ftcore.text.word_rules import WordRule
from ftcore.text.words import WordTokenizer
from ftcore.training import best_measure, encoding, evaluation_schedule, objective, strategies

# Share of the words of the training texts that must be known. The ten commonest words alone make up a
# quarter of a running English text, so what knows less than this is of another language or form.
LEAST_KNOWN = 0.1


@dataclass(frozen=True)
class TrainingSetup:
    """Everything that a run works with and never changes; what changes is `TrainingState`."""

    config: FineTuneConfig
    output: Path
    """Folder of the run's checkpoint."""
    ref: str
    """Name of the run's checkpoint."""
    model: Classifier
    """The model with its starting weights; a copy of it is trained."""
    parent: Checkpoint | None
    """The checkpoint that the run starts from; None for a new model."""
    parent_head: nn.Module | None
    """The checkpoint's own head, which tells the classes of its task apart."""
    loaded: dict[str, str]
    """Fingerprints of what was loaded from files that may change later."""
    tokenizer: Tokenizer
    dataset: TextDataset
    split_fingerprint: str
    train: Tokens
    """The training part of the dataset, which the split divides into training and validation."""
    test: Tokens
    train_rows: Tensor
    val_rows: Tensor
    device: torch.device
    precision: str
    """fp32 or bf16."""
    notes: tuple[str, ...]
    """What a viewer should know about the run before it trains."""
    watched: Tokens | None
    """Sentences that the model answers at every validation."""
    class_weights: Tensor | None
    """Of each class in the loss, fp32 [classes], on the device; None if all texts count alike."""
    best_by: best_measure.Measure

    @property
    def steps_per_epoch(self) -> int:
        return math.ceil(len(self.train_rows) / self.config.batch_size)

    @property
    def steps(self) -> int:
        """Steps of the whole run, which may end within an epoch."""
        return self.config.steps or self.config.epochs * self.steps_per_epoch

    @cached_property
    def evaluations_per_epoch(self) -> float:
        """See `evaluation_schedule.per_epoch`; of a head over cached features, the most."""
        if strategies.head_alone(self.config, self.model.spec) and not self.config.evaluations:
            return evaluation_schedule.MOST
        trained = self.train.lengths(self.config.truncation)[self.train_rows.to(self.device)].sum()
        read = self.train.lengths(self.config.reading)[self.val_rows.to(self.device)].sum()
        epochs = self.steps / self.steps_per_epoch
        return evaluation_schedule.per_epoch(self.config, int(trained), int(read), epochs)

    @cached_property
    def evaluation_steps(self) -> set[int]:
        """Steps to validate after: 0, then some in each epoch, and the last of the run."""
        per_epoch = self.evaluations_per_epoch
        count = int(self.config.epochs * per_epoch + 1e-9)
        steps = {round(n * self.steps_per_epoch / per_epoch) for n in range(count + 1)}
        return {step for step in steps if step < self.steps} | {self.steps}


def prepare(
    config: FineTuneConfig, output: Path, ref: str, begun_with: WordRule | None = None
) -> Task[TrainingSetup]:
    """Load and encode the data, and load or create the model. Raises UnfreezeError.

    A new model that is resumed keeps the rule for words that it was `begun_with`.
    """
    device = devices.pick(config.device)
    parent = None if config.checkpoint == NEW_MODEL else checkpoints.find(config.checkpoint)
    dataset = yield from datasets.load(config.dataset, config.source)
    dataset = test_part.reduced(dataset, config.test_limit)
    train_rows, val_rows = datasets.split(dataset, config.seed, config.limit)
    notes = [*dataset.reading.notes]
    if config.steps:
        per_epoch = math.ceil(len(train_rows) / config.batch_size)
        config = config.with_steps(config.steps, per_epoch)
        notes += _steps_that_fit(config)
    if dataset.synthetic:
        notes.append("The sample is synthetic, built to show the difference between the modes.")
    if config.limit > len(train_rows):
        notes.append(f"There are {len(train_rows):,} training texts, so all of them are used.")
    notes += split_notes.notes(dataset, train_rows, val_rows)
    best_by, notes_on_best = best_measure.choose(config.best_by, dataset)
    notes += notes_on_best
    of_classes = class_weights.values(
        config.class_weights, dataset.labels, [dataset.train.labels[row] for row in train_rows]
    )
    if of_classes is not None:
        notes.append(class_weights.note(of_classes, dataset.labels))
    torch.manual_seed(config.seed)
    parent_head = None
    model: Classifier
    if parent is None:
        rule = begun_with or word_rules.CURRENT
        model, tokenizer = yield from _new_model(config, len(dataset.labels), rule, notes)
        loaded = {"vectors_fingerprint": fingerprints.of_model(model)[1]}
    else:
        _check_memory(config, parent, device)
        tokenizer = checkpoint_files.load_tokenizer(parent)
        model = checkpoint_files.load_model(parent, config.dropout, config.word_dropout)
        weights, vectors = fingerprints.of_model(model)
        loaded = {"parent_fingerprint": weights, "vectors_fingerprint": vectors}
        parent_head = copy.deepcopy(model.classifier)
        model = _start_of_mode(config, parent, model, dataset, notes)
    loaded["vocabulary_fingerprint"] = tokenizer.fingerprint
    model.to(device)
    train_tokens, test_tokens = yield from encoding.encode(dataset, tokenizer)
    _check_vocabulary(config, tokenizer, train_tokens.ids)
    notes += _unreadable_sentences(config, tokenizer)
    return TrainingSetup(
        config,
        output,
        ref,
        model,
        parent,
        parent_head,
        loaded,
        tokenizer,
        dataset,
        datasets.split_fingerprint(dataset, train_rows, val_rows),
        train_tokens.to(device),
        test_tokens.to(device),
        torch.tensor(train_rows),
        torch.tensor(val_rows),
        device,
        devices.precision(config.precision, device),
        tuple(notes),
        _watched_tokens(config, tokenizer, device),
        None if of_classes is None else torch.from_numpy(of_classes).float().to(device),
        best_by,
    )


def with_steps(setup: TrainingSetup, steps: int) -> TrainingSetup:
    """Return the setup of a run with a budget, once the number of its steps is known."""
    config = setup.config.with_steps(steps, setup.steps_per_epoch)
    return replace(setup, config=config, notes=(*setup.notes, *_steps_that_fit(config)))


def _steps_that_fit(config: FineTuneConfig) -> list[str]:
    """The note on a budget that has become a number of steps."""
    if not config.minutes:
        return []
    fit = "step fits" if config.steps == 1 else "steps fit"
    return [f"{config.steps:,} {fit} into {config.minutes:g} minutes."]


def environment(setup: TrainingSetup) -> dict[str, str]:
    """On what a run computes: it decides the last digits of the result."""
    count = setup.config.devices
    several = {"devices": str(count)} if count > 1 else {}
    return several | {
        "device": setup.device.type,
        "precision": setup.precision,
        "threads": str(torch.get_num_threads() * count),
        "torch": str(torch.__version__),
    }


def facts(setup: TrainingSetup, environments: Sequence[dict[str, str]] = ()) -> Facts:
    """What the record of a run says about its data and its model.

    `environments` are those of a run that was resumed elsewhere, in order.
    """
    config, shape = setup.config, setup.model.spec
    now = environment(setup)
    for name in ("threads", "torch"):
        now[name] = ", then ".join(
            dict.fromkeys([*(each[name] for each in environments), now[name]])
        )
    return {
        "dataset_fingerprint": setup.dataset.fingerprint,
        "split_fingerprint": setup.split_fingerprint,
        "data_from": setup.dataset.source,
        "data_encoding": setup.dataset.reading.encoding,
        "data_separator": setup.dataset.reading.separator,
        "labels": list(setup.dataset.labels),
        "several_labels": setup.dataset.multi_label,
        "tokenizer": setup.tokenizer.name,
        **setup.loaded,
        "train_texts": len(setup.train_rows),
        "train_classes": objective.classes(setup.train.labels[setup.train_rows]),
        "val_texts": len(setup.val_rows),
        "test_texts": len(setup.test),
        "steps_per_epoch": setup.steps_per_epoch,
        "evaluations_per_epoch": setup.evaluations_per_epoch,
        "steps": setup.steps,
        "parameters": shape.parameters,
        "trainable_parameters": strategies.trainable_parameters(config, shape),
        "trains": strategies.describe(config, shape),
        "best_by": setup.best_by,
        "hardware": devices.hardware(setup.device),
        **now,
    }


def _check_memory(config: FineTuneConfig, parent: Checkpoint, device: torch.device) -> None:
    """Raise UnfreezeError if a run cannot have the memory for its weights, before they are loaded."""
    way_out = "choose a smaller model"
    if not strategies.head_alone(config, parent.model):
        way_out += ", or a mode that trains less, such as lora or last-layer"
    needed = strategies.state_bytes(config, parent.model, on_cpu=device.type == "cpu")
    memory.check(f"{parent.title} in this mode", needed, way_out)


def _start_of_mode(
    config: FineTuneConfig,
    parent: Checkpoint,
    model: Classifier,
    dataset: TextDataset,
    notes: list[str],
) -> Classifier:
    """The model that a mode starts from, given that of a checkpoint; adds to the run's notes."""
    if config.mode == "scratch":
        encoder = isinstance(parent.model, EncoderSpec)
        kept = "Nothing is" if encoder else "Only the word vectors are"
        notes.append(
            f"{kept} the checkpoint's; body and last layer start random. It shows what the "
            "pretrained body is worth."
        )
        model = _random_model(config, model, len(dataset.labels))
    elif not parent.answers(dataset) or _other_pooling(config, parent):
        model.replace_head(len(dataset.labels), config.head_pooling)
        told = f"told {len(parent.labels)} classes apart" if parent.labels else "has none"
        notes.append(
            f"The last layer is new: the checkpoint {told}, this task has {len(dataset.labels)} classes."
        )
    return model


def _random_model(config: FineTuneConfig, model: Classifier, classes: int) -> Classifier:
    """A model of the same sizes with random weights; the lesson's keeps its word vectors."""
    if isinstance(model, LessonClassifier):
        spec = model.spec.with_classes(classes)
        vectors = model.embedding.weight
        return LessonClassifier(spec, vectors, config.dropout, config.word_dropout)
    model = creation.create(model.spec.with_classes(classes), config.dropout)
    model.replace_head(classes, config.head_pooling)
    return model


def _other_pooling(config: FineTuneConfig, parent: Checkpoint) -> bool:
    """Whether an encoder's head reads something else than this run's will."""
    return isinstance(parent.model, EncoderSpec) and parent.model.pooling != config.pooling


def _new_model(
    config: FineTuneConfig, classes: int, rule: WordRule, notes: list[str]
) -> Task[tuple[LessonClassifier, Tokenizer]]:
    """Random layers over word vectors, with a vector for each special token; adds to the run's notes."""
    if config.vectors:
        path = validation.existing_path(config.vectors)
    else:
        path = yield from word_vectors.fetch_glove(config.words)
    known, vectors, read = yield from word_vectors.load_vectors(path, config.words)
    notes += read
    tokenizer = WordTokenizer(rule, [*words.SPECIALS, *known])
    # <unk> is the mean of all words; <pad> is masked everywhere, so its vector never counts.
    specials = torch.stack([vectors.mean(0), torch.zeros(vectors.shape[1])])
    rounded = torch.cat([specials, vectors]).half()  # as they are stored
    shape = LessonSpec(
        len(rounded), vectors.shape[1], classes, config.heads, config.layers, config.feedforward
    )
    return LessonClassifier(shape, rounded, config.dropout, config.word_dropout), tokenizer


def _check_vocabulary(config: FineTuneConfig, tokenizer: Tokenizer, ids: Tensor) -> None:
    """Raise UnfreezeError if next to none of the data's words are known, so that a run ends at chance."""
    if not isinstance(tokenizer, WordTokenizer):  # pieces spell every word
        return
    is_word = torch.tensor([any(map(str.isalpha, token)) for token in tokenizer.words])
    is_word[: len(words.SPECIALS)] = False
    known, unknown = int(is_word[ids].sum()), int((ids == words.UNK).sum())
    share = known / max(known + unknown, 1)
    if share < LEAST_KNOWN:
        what = Path(config.vectors).name or f"The checkpoint {config.checkpoint}"
        raise UnfreezeError(
            f"{validation.printable(what)} knows only {share:.1%} of the words in these texts: "
            "take one of their language, in lower case."
        )


def _watched_tokens(
    config: FineTuneConfig, tokenizer: Tokenizer, device: torch.device
) -> Tokens | None:
    """The watched sentences; their labels mean nothing."""
    if not config.watched:
        return None
    ids, offsets = drain(tokenizer.encode(config.watched, MAX_LENGTH))
    labels = [0] * len(config.watched)
    return Tokens.pack(ids, offsets, labels, tokenizer.frame).to(device)


def _unreadable_sentences(config: FineTuneConfig, tokenizer: Tokenizer) -> list[str]:
    """Notes on the watched sentences of which no word is known."""
    return [
        f"No word of the watched sentence {validation.printable(sentence)!r} is known to the model: "
        "its answers say nothing about it."
        for sentence in config.watched
        if says_nothing(tokenizer, tokenizer.tokenize(sentence))
    ]
