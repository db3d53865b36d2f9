"""What a viewer should know about a split that is too small to learn from, or to measure by."""

from collections.abc import Sequence

from ftcore.data.text_dataset import TextDataset, Texts
from ftcore.formatting import FEW_TEXTS, few_names

_ONE_CLASS = {
    "training": "so the model learns to say nothing else: use more training texts",
    "validation": "so validation rewards a model that always says so",
    "test": "so the test rewards a model that always says so",
}
_IN_MACRO_F1 = "which counts as 0 in its macro F1 if the model answers it, and otherwise not at all"


def notes(dataset: TextDataset, train_rows: Sequence[int], val_rows: Sequence[int]) -> list[str]:
    """Sentences about classes without a text in a part of the split, and about few validation texts."""
    parts = {
        "training": dataset.train.at(train_rows),
        "validation": dataset.train.at(val_rows),
        "test": dataset.test,
    }
    sentences = [_missing_classes(name, dataset, part) for name, part in parts.items()]
    if len(val_rows) < FEW_TEXTS:
        texts = "is only 1 validation text" if len(val_rows) == 1 else ""
        texts = texts or f"are only {len(val_rows)} validation texts"
        sentences.append(
            f"There {texts}, so each shifts the validation accuracy by "
            f"{100 / len(val_rows):.0f} points, and the best model is chosen almost by chance."
        )
    return [sentence for sentence in sentences if sentence]


def _missing_classes(name: str, dataset: TextDataset, part: Texts) -> str:
    counts = part.counts(len(dataset.labels))
    [present] = counts.nonzero()
    missing = [label for label, count in zip(dataset.labels, counts, strict=True) if not count]
    if not missing:
        return ""
    if len(present) > 1 or dataset.multi_label:
        sentence = f"No {name} text is of class {few_names(missing)}"
        return f"{sentence}." if name == "training" else f"{sentence}, {_IN_MACRO_F1}."
    [label] = present
    texts = "The only" if len(part.labels) == 1 else f"All {len(part.labels):,}"
    verb = "text is" if len(part.labels) == 1 else "texts are"
    return f"{texts} {name} {verb} of class {dataset.labels[label]}, {_ONE_CLASS[name]}."
