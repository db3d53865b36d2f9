"""The model that an endpoint answers with, by what a user calls it."""

from ftcore.errors import UnfreezeError
from ftcore.inference import prediction, text_model
from ftcore.inference.text_model import TextModel
from ftcore.models import checkpoints
from ftcore.validation import expand_home, is_folder, printable


def load(ref: str) -> TextModel:
    """Return the model of a run, of a checkpoint or in an exported folder. Raises UnfreezeError."""
    if is_folder(ref) and not any(each.ref == ref for each in checkpoints.list_checkpoints()):
        return _exported(ref)
    return text_model.of_checkpoint(prediction.find(ref))


def _exported(ref: str) -> TextModel:
    from ftcore.exchange.onnx import folder  # imports onnxruntime

    path = expand_home(ref)
    if not folder.is_exported(path):
        raise UnfreezeError(
            f"{printable(ref)} has no model.json: give a folder that was exported as ONNX, a checkpoint's "
            "name or a run id."
        )
    return folder.read(path)
