"""A stored dataset as JSON values and as lines for people."""

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any

from ftcore.data.store.card import PARTS, Card
from ftcore.data.store.editing import DROPPABLE
from ftcore.formatting import few_names, listing
from ftcore.validation import printable

_SHOWN_CLASSES = 20


def values(found: Card) -> dict[str, Any]:
    """Return a card for JSON."""
    fields = dataclasses.asdict(found)
    return fields | {"texts": found.stored, "path": str(found.texts)}


def summary(found: Card, listed: int = 0) -> str:
    """Return the lines that describe a dataset to people, with the first texts of each finding."""
    mapping = found.mapping
    several = "Labels (several a text)" if found.multi_label else "Label"
    columns = [f"text: {listing(mapping['text'])}"]
    labels = mapping["label"] or few_names(mapping.get("indicators", ()))
    columns += [f"{several.lower()}: {labels}"] if labels else []
    columns += [f"{each}: {mapping[each]}" for each in ("split", "group") if mapping[each]]
    lines = [f"{found.title}, from {found.source}", f"Columns: {'; '.join(columns)}"]
    lines += [_form(file) for file in found.files]
    lines.append(f"Texts: {_texts(found)}; fingerprint {found.fingerprint}")
    if found.version:
        lines.append(f"Version {found.version:,}: that many changes of labels since it was added")
    lines += [_class_line(PARTS, "class")] if found.labels else []
    for label in found.labels[:_SHOWN_CLASSES]:
        counts = [f"{found.counts[part][label]:,}" for part in PARTS]
        lines.append(_class_line(counts, printable(label)))
    if len(found.labels) > _SHOWN_CLASSES:
        lines.append(f"  and {len(found.labels) - _SHOWN_CLASSES:,} more classes")
    if found.left_out:
        reasons = [f"{count:,} for: {reason}" for reason, count in found.left_out.items()]
        lines.append(f"Rows left out: {'; '.join(reasons)}")
        lines += _aside(found, listed)
    findings = [line for each in found.findings for line in _finding(found, each, listed)]
    return "\n".join([*lines, *found.notes, *findings])


def _class_line(counts: Sequence[str], label: str) -> str:
    return f"  {' '.join(f'{number:>10}' for number in counts)}  {label}"


def _texts(found: Card) -> str:
    """Return how many texts are stored, and how many of each part have a label."""
    parts = ", ".join(f"{found.sizes[part]:,} {part}" for part in PARTS)
    if not found.unlabelled:
        return f"{found.stored:,} ({parts})"
    without = ", ".join(f"{number:,} {part}" for part, number in found.unlabelled.items())
    return f"{found.stored:,} (with a label: {parts}; without one: {without})"


def _aside(found: Card, rows: int) -> list[str]:
    """Return the first rows that could not be read, and where all are."""
    if not (rows and found.aside.is_file()):
        return []
    import pyarrow.parquet as pq

    table = pq.read_table(found.aside)
    shown = table.slice(0, rows).to_pylist()
    lines = [f"  row {row['row']:,}: {row['reason']}: {row['excerpt']}" for row in shown]
    return [*lines, *([f"  and more, in {found.aside}"] if len(table) > rows else [])]


def _way(found: Card, finding: dict[str, Any]) -> str:
    """Return the command that acts on a finding; "" if there is only something to know."""
    name = shlex.quote(found.name)
    if finding["kind"] in DROPPABLE and finding["action"]:
        return f"(data edit {name} --leave-out {finding['kind']})"
    ways = {
        "merge-labels": f"(data edit {name} --rename-label OLD=NEW, --drop-label LABEL)",
        "review-labels": f"(data correct {name} --row N --label LABEL)",
    }
    return ways.get(finding["action"], "")


def _finding(found: Card, finding: dict[str, Any], texts: int = 0) -> list[str]:
    """Return what a finding says, the command that acts on it, and the first of its texts."""
    lines = [" ".join(filter(None, (finding["sentence"], _way(found, finding))))]
    for text in finding["texts"][:texts]:
        lines.append(f"  row {text['row']:,} ({text['part']}): {text['text']}")
        if "like_row" in text:
            lines.append(f"    row {text['like_row']:,} ({text['like_part']}): {text['like_text']}")
    if 0 < texts < len(finding["texts"]):
        lines.append("  and more; --json lists up to 100")
    return lines


def _form(file: dict[str, Any]) -> str:
    """Return how a file was read."""
    form = [file["kind"], file["encoding"], file["compression"]]
    form += [f"delimiter {file['delimiter']!r}"] if file["delimiter"] else []
    if file["kind"] == "csv":
        form.append("with a header" if file["header"] else "without a header")
    return f"Read: {file['path']}, {file['rows']:,} rows ({', '.join(filter(None, form))})"
