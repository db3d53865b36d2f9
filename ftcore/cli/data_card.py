"""A stored dataset as JSON values and as lines for people."""

import dataclasses
from typing import Any

from ftcore.data.store.card import PARTS, Card
from ftcore.formatting import listing
from ftcore.validation import printable

_SHOWN_CLASSES = 20
_ACTIONS = {  # what to do about a finding
    "drop-near-duplicates": "(--drop-near-duplicates)",
    "merge-labels": "(--rename-label OLD=NEW, --drop-label LABEL)",
}


def values(found: Card) -> dict[str, Any]:
    """Return a card for JSON."""
    fields = dataclasses.asdict(found)
    return fields | {"texts": found.stored, "path": str(found.texts)}


def summary(found: Card, listed: int = 0) -> str:
    """Return the lines that describe a dataset to people, with the first texts of each finding."""
    mapping = found.mapping
    several = "Labels (several a text)" if found.multi_label else "Label"
    columns = [f"text: {listing(mapping['text'])}"]
    columns += [f"{several.lower()}: {mapping['label']}"] if mapping["label"] else []
    columns += [f"{each}: {mapping[each]}" for each in ("split", "group") if mapping[each]]
    lines = [f"{found.title}, from {found.source}", f"Columns: {'; '.join(columns)}"]
    lines += [_form(file) for file in found.files]
    sizes = ", ".join(f"{found.sizes[part]:,} {part}" for part in PARTS)
    lines.append(f"Texts: {sizes}; fingerprint {found.fingerprint}")
    if found.unlabelled:
        without = ", ".join(f"{found.unlabelled.get(part, 0):,} {part}" for part in PARTS)
        lines.append(f"Texts without a label: {without}")
    if found.version:
        lines.append(f"Version {found.version:,}: that many changes of labels since it was added")
    for label in found.labels[:_SHOWN_CLASSES]:
        counts = " ".join(f"{found.counts[part][label]:>9,}" for part in PARTS)
        lines.append(f"  {counts}  {printable(label)}")
    if len(found.labels) > _SHOWN_CLASSES:
        lines.append(f"  and {len(found.labels) - _SHOWN_CLASSES:,} more classes")
    if found.left_out:
        reasons = [f"{count:,} for: {reason}" for reason, count in found.left_out.items()]
        lines.append(f"Rows left out: {'; '.join(reasons)}")
    findings = [line for each in found.findings for line in _finding(each, listed)]
    return "\n".join([*lines, *found.notes, *findings])


def _finding(finding: dict[str, Any], texts: int = 0) -> list[str]:
    """Return what a finding says, the option that acts on it, and the first of its texts."""
    lines = [" ".join(filter(None, (finding["sentence"], _ACTIONS.get(finding["action"]))))]
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
