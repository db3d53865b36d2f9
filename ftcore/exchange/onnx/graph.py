"""From a classifier to a graph of ONNX, in a process of its own.

torch's exporter replaces methods of `nn.Module` while it traces a model, and sets flags by which transformers
chooses another path. In the process of the dashboard that would reach a run that trains in another thread.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from ftcore import paths
from ftcore.errors import UnfreezeError, user_message
from ftcore.events import Progress, Task
from ftcore.models import checkpoint_files, checkpoints

INPUTS, OUTPUT = ("input_ids", "attention_mask"), "logits"
_AXES = ("batch", "length")
_POLL = 0.2  # seconds between two looks at the process


def trace_in_subprocess(ref: str, file: Path) -> Task[None]:
    """Write the graph of a checkpoint to a new file, in fp32; the process is killed when the task is closed.

    Raises UnfreezeError if the model cannot be traced.
    """
    path = os.pathsep.join(filter(None, (str(paths.ROOT), os.environ.get("PYTHONPATH"))))
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-m", __name__, ref, str(file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=os.environ | {"PYTHONPATH": path},
        ) as process,
    ):
        try:
            began = time.monotonic()
            while process.poll() is None:
                yield Progress("converting", time.monotonic() - began, None, "seconds")
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_POLL)
        finally:
            process.kill()
        if process.returncode == 0:
            return
        errors.seek(0)
        message = errors.read().strip().splitlines() or ["its process ended early"]
        raise UnfreezeError(f"This model cannot be written as ONNX: {message[-1]}")


def _trace(ref: str, file: Path) -> None:
    """Write the graph of a checkpoint, with any batch size and any length that the model reads."""
    import onnx
    import onnxscript  # noqa: F401  (torch's exporter needs it)
    import torch
    from torch import Tensor, nn

    model = checkpoint_files.load_model(checkpoints.find(ref), beside=True)

    class ByMask(nn.Module):
        """Reads the length of a text from its mask, as models of transformers do."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
            scores: Tensor = self.model(input_ids, attention_mask.sum(1))
            return scores

    ids = torch.ones(2, 7, dtype=torch.int64)
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    any_size = {axis: torch.export.Dim.DYNAMIC for axis, _ in enumerate(_AXES)}
    program = torch.onnx.export(
        ByMask().eval(),
        (ids, mask),
        dynamo=True,
        dynamic_shapes=dict.fromkeys(INPUTS, any_size),
        input_names=INPUTS,
        output_names=[OUTPUT],
    )
    assert program is not None
    graph = program.model_proto
    for value in graph.graph.input:
        for dimension, name in zip(value.type.tensor_type.shape.dim, _AXES, strict=True):
            dimension.dim_param = name
    graph.graph.output[0].type.tensor_type.shape.dim[0].dim_param = _AXES[0]
    del graph.graph.value_info[:], graph.metadata_props[:]
    for node in graph.graph.node:  # traces of the source, with paths of this machine
        node.ClearField("metadata_props")
    onnx.save_model(graph, file)


if __name__ == "__main__":
    try:
        _trace(sys.argv[1], Path(sys.argv[2]))
    except Exception as error:
        sys.exit(user_message(error) or f"{type(error).__name__}: {error}".splitlines()[0])
