"""A stored dataset as everyone else sees it: its DatasetSpec, and how its texts are read."""

from functools import partial
from pathlib import Path

from ftcore.data.store.card import PARTS, Card
from ftcore.data.text_dataset import Content, DatasetSpec, Texts
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task


def spec(card: Card) -> DatasetSpec:
    """Return the spec of a stored dataset."""
    training, validation, test = (card.sizes[part] for part in PARTS)
    return DatasetSpec(
        name=card.name,
        title=card.title,
        labels=card.labels,
        sizes=(training + validation, test),
        mean_tokens=card.mean_tokens,
        examples=card.examples,
        origin=lambda: card.source,
        read=partial(_read, card),
        validation_size=validation,
        multi_label=card.multi_label,
        fingerprint=card.fingerprint,
    )


def _read(card: Card, path: Path) -> Task[Content]:
    """Read the texts that have a label; `path` is that of a given source, which there is none of."""
    import pyarrow as pa  # late: pages list datasets before anything is read
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    train, test = Texts([], []), Texts([], [])
    val_rows: list[int] = []
    classes = pa.array(card.labels)
    if card.multi_label:
        raise UnfreezeError(
            f"A text of {card.title} may have several labels, and no model is trained on such yet."
        )
    try:
        with pq.ParquetFile(card.texts) as file:
            total = file.metadata.num_rows
            yield Progress("reading", 0, total, "texts")
            done = 0
            for batch in file.iter_batches(columns=["text", "label", "split"]):
                done += len(batch)
                batch = batch.filter(batch["label"].is_valid())
                labels = pc.index_in(batch["label"], classes).to_pylist()
                rows = zip(
                    batch["text"].to_pylist(), labels, batch["split"].to_pylist(), strict=True
                )
                for text, label, part in rows:
                    if part == "validation":
                        val_rows.append(len(train.texts))
                    texts = test if part == "test" else train
                    texts.texts.append(text)
                    texts.labels.append(label)
                yield Progress("reading", done, total, "texts")
    except FileNotFoundError:
        raise UnfreezeError(
            f"The texts of {card.title} are gone: remove the dataset, and add it again."
        ) from None
    except (pa.ArrowException, KeyError) as error:
        raise UnfreezeError(
            f"The texts of {card.title} cannot be read: remove the dataset, and add it again."
        ) from error
    return Content(train, test, val_rows=tuple(val_rows))
