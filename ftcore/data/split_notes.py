"""What a viewer should know about a split that is too small to learn from, or to measure by."""

from collections.abc import Sequence

from ftcore.data.text_dataset import TextDataset
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
        "training": [dataset.train.labels[row] for row in train_rows],
        "validation": [dataset.train.labels[row] for row in val_rows],
        "test": dataset.test.labels,
    }
    sentences = [_missing_classes(name, dataset.labels, part) for name, part in parts.items()]
    if len(val_rows) < FEW_TEXTS:
        texts = "is only 1 validation text" if len(val_rows) == 1 else ""
        texts = texts or f"are only {len(val_rows)} validation texts"
        sentences.append(
            f"There {texts}, so each shifts the validation accuracy by "
            f"{100 / len(val_rows):.0f} points, and the best model is chosen almost by chance."
        )
    return [sentence for sentence in sentences if sentence]


def _missing_classes(part: str, classes: Sequence[str], labels: Sequence[int]) -> str:
    present = set(labels)
    missing = [name for label, name in enumerate(classes) if label not in present]
    if not missing:
        return ""
    if len(present) > 1:
        sentence = f"No {part} text is of class {few_names(missing)}"
        return f"{sentence}." if part == "training" else f"{sentence}, {_IN_MACRO_F1}."
    [label] = present
    texts = "The only" if len(labels) == 1 else f"All {len(labels):,}"
    verb = "text is" if len(labels) == 1 else "texts are"
    return f"{texts} {part} {verb} of class {classes[label]}, {_ONE_CLASS[part]}."
