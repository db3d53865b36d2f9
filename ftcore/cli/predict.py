"""The command `predict`: classifies the texts of the call, or those of a file."""

import argparse
from collections.abc import Mapping
from typing import Any

from ftcore.cli import data_options, streams
from ftcore.cli.printer import MOST_CLASSES, Printer
from ftcore.errors import UsageError
from ftcore.events import drain
from ftcore.formatting import duration, few_names, percent

_COLUMN = "text"
_HOW = ("column", "delimiter", "encoding", "header", "sheet")  # a file is read


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add what is classified: texts, or a file and how it is read."""
    raw = "probabilities as the model gives them, though it is calibrated"
    sub.add_argument("--raw", action="store_true", help=raw)
    sub.add_argument("texts", nargs="*")
    file = sub.add_argument_group(
        "a file of texts",
        "Answers are written in parts; a call that was interrupted goes on if it is repeated. Where a "
        "text may have several labels, the column not_sure says whether a label's odds are within a "
        "factor of 1.5 of its threshold's.",
    )

    def option(name: str, metavar: str, help: str) -> None:
        file.add_argument(name, metavar=metavar, default=argparse.SUPPRESS, help=help)

    option("--input", "FILE", "its path: any file, folder or zip that `data add` reads")
    option("--output", "FILE", "file to create: .parquet, .csv or .jsonl; required with --input")
    option("--column", "COLUMN", f"column of the texts (default: {_COLUMN})")
    data_options.add_reading_to(file)


def predict(options: argparse.Namespace, out: Printer) -> int | None:
    """Classify texts, or all texts of a file."""
    given = vars(options)
    if "input" in given:
        try:
            _predict_file(given, out)
        except KeyboardInterrupt:
            streams.complain("Interrupted: the same call goes on after what is answered already.")
            return 130
        return None
    if lost := [name for name in ("output", *_HOW) if name in given]:
        raise UsageError(f"--{lost[0]} is for a file of texts: add --input, or omit it.")
    if not options.texts:
        raise UsageError("There is no text: give texts, or a file of texts with --input.")
    from ftcore.inference import prediction

    ref = options.run or options.checkpoint
    for answer in prediction.predict(ref, options.texts, options.raw):
        probabilities = answer.probabilities
        scores = _scores(probabilities)
        values: dict[str, Any] = {
            "text": answer.text,
            "label": answer.label,
            "probabilities": probabilities,
        }
        if answer.thresholds:
            values |= {"labels": list(answer.labels), "thresholds": answer.thresholds}
            values |= {"not_sure": answer.not_sure}
        notes = [prediction.SAYS_NOTHING] if answer.says_nothing else []
        values |= {"milliseconds": round(answer.milliseconds, 3), "unknown": answer.unknown}
        values |= {"known_tokens": answer.known.count(True), "notes": notes}
        promise = "  not sure" if answer.thresholds and answer.not_sure else ""
        if kept := answer.calibration:
            values |= {"temperature": kept.temperature, "target": kept.target}
            values |= {"set": answer.label_set, "not_sure": answer.not_sure}
            unsure = ": not sure" if answer.not_sure else ""
            promise = f"  {kept.promise(answer.label_set)}{unsure}"
        time = f"({answer.milliseconds:.1f} ms)"
        line = f"{answer.label:12} {scores}{promise}  {time}  {answer.text[:80]}"
        out.record(values, "\n".join([line, *notes]))
    return None


def _predict_file(given: dict[str, Any], out: Printer) -> None:
    if given["texts"]:
        raise UsageError("Texts come from --input or from the call, not from both: omit one.")
    if "output" not in given:
        raise UsageError("--output is missing: name the file to write, such as answers.parquet.")
    from ftcore.inference import table_prediction
    from ftcore.inference.table_prediction import Request

    how = {"column": _COLUMN, "raw": given["raw"]} | {
        name: given[name] for name in _HOW if name in given
    }
    how["delimiter"] = data_options.unescaped(how.get("delimiter", ""))
    request = Request(given["run"] or given["checkpoint"], given["input"], given["output"], **how)
    answers = drain(table_prediction.predict(request), out.event)
    counts = [f"{label} {count:,}" for label, count in answers.labels.items()]
    values = {"output": str(answers.output), "rows": answers.rows, "predicted": answers.predicted}
    values |= {"left_out": answers.left_out, "labels": answers.labels}
    line = (
        f"Wrote {answers.rows:,} rows to {answers.output} in {duration(answers.seconds)}: "
        f"{answers.predicted:,} predicted ({few_names(counts, MOST_CLASSES)}), "
        f"{answers.left_out:,} left out."
    )
    out.record(values | {"seconds": round(answers.seconds, 3)}, line)


def _scores(probabilities: Mapping[str, float]) -> str:
    """The probabilities in the order of the classes; of many classes the largest ones."""
    labels = list(probabilities)
    if len(labels) > MOST_CLASSES:
        labels.sort(key=probabilities.__getitem__, reverse=True)
    shown = [f"{label} {percent(probabilities[label])}" for label in labels[:MOST_CLASSES]]
    more = [f"{len(labels) - MOST_CLASSES} more"] if len(labels) > MOST_CLASSES else []
    return ", ".join(shown + more)
