"""The report of a run as one HTML file without scripts: curves, figures, what it was made with."""

import html as html_module
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from string import Template

import numpy as np
import pandas as pd

from ftcore import __version__
from ftcore.colours import model_colour, theme
from ftcore.exchange.run_files import RunTables
from ftcore.exchange.takeaway.facts import facts
from ftcore.formatting import count, percent
from ftcore.models.checkpoints import Checkpoint
from ftcore.relevance import shown_values
from ftcore.tracking.run_record import Run

_TEMPLATE = Path(__file__).with_name("report.html")
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 400, 200, 44, 20  # of a chart, and of the space for its axes
_MOST_POINTS = 400  # of a curve
_MOST_CLASSES = 20  # of a confusion matrix
_OF_A_MACHINE = {"source", "source_task_data", "vectors", "name"}


def html(checkpoint: Checkpoint, run: Run, tables: RunTables) -> str:
    """Return the report of a run."""
    config, look = run.config, tables.diagnostics
    used = shown_values(config, without=_OF_A_MACHINE)
    sections = [_table(facts(checkpoint).items()), _curves(tables.history)]
    if look is not None and len(look.truth):
        rows = [
            (
                each["label"],
                *map(percent, (each["precision"], each["recall"], each["f1"])),
                count(each["support"]),
            )
            for each in look.by_class.by_label(look.labels)
        ]
        heads = ("class", "precision", "recall", "F1", "test texts")
        sections += ["<h2>Each class</h2>", _table(rows, heads)]
        if not look.thresholds and len(look.labels) <= _MOST_CLASSES:
            sections += [
                "<h2>What it answers</h2>",
                _confusion(look.labels, look.truth, look.answers),
            ]
    if run.notes:
        sections += [
            "<h2>Notes</h2>",
            f"<ul>{''.join(f'<li>{_text(note)}</li>' for note in run.notes)}</ul>",
        ]
    sections += [
        "<h2>Settings</h2>",
        _table((name, str(value)) for name, value in used.items() if value != ""),
    ]
    device = " ".join(str(run.facts[name]) for name in ("device", "precision") if name in run.facts)
    origin = " · ".join(
        filter(None, (f"{run.created:%d %B %Y}", f"Unfreeze {__version__}", device))
    )
    return Template(_TEMPLATE.read_text("utf-8")).substitute(
        title=_text(run.name),
        origin=_text(origin),
        message=_text(run.message),
        train=theme()["light"]["primary"],
        val=model_colour(config.mode),
        body="\n".join(sections),
    )


def _text(text: str) -> str:
    return html_module.escape(text)


def _table(rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> str:
    head = f"<tr>{''.join(f'<th>{_text(each)}</th>' for each in heads)}</tr>" if heads else ""
    kind = ' class="number"' if heads else ""
    body = "".join(
        f"<tr><td>{_text(row[0])}</td>{''.join(f'<td{kind}>{_text(cell)}</td>' for cell in row[1:])}</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table>{head}{body}</table></div>'


def _confusion(labels: Sequence[str], truth: np.ndarray, answers: np.ndarray) -> str:
    """A row for each true class: how many of its texts got each answer."""
    counts = np.zeros((len(labels), len(labels)), int)
    np.add.at(counts, (truth, answers), 1)
    rows = [(label, *map(count, row)) for label, row in zip(labels, counts.tolist(), strict=True)]
    return _table(rows, ("true class, and how often each was answered", *labels))


def _curves(history: pd.DataFrame) -> str:
    charts = "".join(_chart(history, measure) for measure in ("loss", "accuracy"))
    keys = '<span class="key train">training</span> <span class="key val">validation</span>'
    return f"<h2>Curves</h2><p>{keys}</p>{charts}" if charts else ""


def _chart(history: pd.DataFrame, measure: str) -> str:
    """One measure of both splits by step, as SVG; "" if there is none."""
    table = history[history["split"].isin(["train", "val"])].dropna(subset=[measure])
    if table.empty:
        return ""
    steps = max(float(table["step"].max()), 1.0)
    top = 1.0 if measure == "accuracy" else _ceiling(float(table[measure].max()))
    lines = []
    for split in ("train", "val"):
        curve = table[table["split"] == split]
        curve = curve.iloc[:: max(1, math.ceil(len(curve) / _MOST_POINTS))]
        points = " ".join(
            f"{_LEFT + (_WIDTH - _LEFT) * step / steps:.1f},"
            f"{(_HEIGHT - _BOTTOM) * (1 - value / top):.1f}"
            for step, value in zip(curve["step"], curve[measure], strict=True)
        )
        lines.append(f'<polyline class="{split}" points="{points}"/>')
    axis = []
    for share in (0.0, 0.5, 1.0):
        height = (_HEIGHT - _BOTTOM) * (1 - share)
        label = percent(share * top) if measure == "accuracy" else f"{share * top:.2g}"
        axis.append(f'<line x1="{_LEFT}" x2="{_WIDTH}" y1="{height}" y2="{height}"/>')
        axis.append(f'<text x="0" y="{max(height, 12)}">{label}</text>')
    axis.append(
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">{count(steps)} steps</text>'
    )
    drawing = "".join([*axis, *lines])
    return (
        f'<figure><figcaption>{measure}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{measure} by step">{drawing}</svg></figure>'
    )


def _ceiling(value: float) -> float:
    """A round number that a curve stays below."""
    if not 0 < value < math.inf:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return unit * math.ceil(value / unit)
