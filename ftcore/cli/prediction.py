"""The command that classifies texts."""

import argparse

from ftcore.cli.printer import Printer
from ftcore.formatting import percent


def predict(options: argparse.Namespace, out: Printer) -> None:
    """Classify texts."""
    from ftcore.inference import prediction

    answers = prediction.predict(options.run or options.checkpoint, options.texts)
    for answer in answers:
        scores = ", ".join(
            f"{label} {percent(share)}" for label, share in answer.probabilities.items()
        )
        out.record(
            {
                "text": answer.text,
                "label": answer.label,
                "probabilities": answer.probabilities,
                "milliseconds": round(answer.milliseconds, 3),
                "unknown": answer.unknown,
            },
            f"{answer.label:12} {scores}  ({answer.milliseconds:.1f} ms)  {answer.text[:80]}",
        )
