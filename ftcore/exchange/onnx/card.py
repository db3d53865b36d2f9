"""README.md of an exported model: its model card, with what was measured and how to use it."""

from ftcore.exchange import model_card
from ftcore.exchange.onnx.description import DESCRIPTION, MODEL
from ftcore.exchange.onnx.measuring import TOLERANCE, Measured
from ftcore.formatting import count, percent, size
from ftcore.models.checkpoints import Checkpoint


def card(checkpoint: Checkpoint, measured: Measured, precision: str) -> str:
    """Return the card as Markdown."""
    usage = [
        '`python predict.py "a text"` answers with onnxruntime alone. In other programs:',
        "",
        f"`{MODEL}` takes `input_ids` and `attention_mask`, int64 [batch, length], of any batch size and of "
        f"up to {count(checkpoint.max_length)} tokens, and gives `logits`, float32 [batch, classes]. "
        f"`{DESCRIPTION}` names the labels, how much of a text is read, and the calibration.",
        "",
        f"- Weights: {_weights(precision)}, {size(measured.bytes)}; {size(measured.own_bytes)} in Unfreeze.",
        *(f"- {line}" for line in findings(measured)),
    ]
    return model_card.card(checkpoint, "\n".join(usage), "onnx")


def findings(measured: Measured) -> list[str]:
    """What was measured, as sentences."""
    compared = f"{count(measured.compared)} texts of {measured.data}"
    lines = [
        f"The same label as in Unfreeze for {count(measured.same)} of {compared}; no probability differs by "
        f"more than {_bound(measured.largest_difference)}.",
        f"{measured.speed.milliseconds:.1f} ms for a text alone and {measured.speed.texts_per_second:,.0f} "
        f"texts/s in batches; in Unfreeze, in fp32, {measured.own_speed.milliseconds:.1f} ms and "
        f"{measured.own_speed.texts_per_second:,.0f} texts/s. Measured once, on the CPU that wrote this.",
    ]
    if measured.accuracy is not None:
        lines.append(
            f"Accuracy on {count(measured.tested)} test texts: {percent(measured.accuracy)}; "
            f"{percent(measured.own_accuracy)} in Unfreeze on the same ones."
        )
    return lines


def _weights(precision: str) -> str:
    return "fp32" if precision == "fp32" else "8-bit integers; everything else is computed in fp32"


def _bound(difference: float) -> str:
    return f"{TOLERANCE:.5f}" if difference <= TOLERANCE else f"{difference:.4f}"
