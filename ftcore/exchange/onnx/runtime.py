"""A graph of ONNX in onnxruntime, on the CPU."""

from pathlib import Path

import numpy as np
import onnxruntime

from ftcore.exchange.onnx.graph import INPUTS, OUTPUT
from ftcore.text.batches import Tokens
from ftcore.text.truncation import Truncation


class OnnxModel:
    """Answers batches of texts; threads: 0 for one on each core. Raises an error of onnxruntime."""

    def __init__(self, file: Path, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors
        # Threads that wait in a loop take the cores of who asks, and of what splits texts into tokens.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )

    def scores(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return scores fp32 [batch, classes]; ids and mask int64 [batch, length]."""
        inputs = dict(zip(INPUTS, (ids, mask), strict=True))
        scores: np.ndarray = self._session.run([OUTPUT], inputs)[0]
        return scores

    def scores_of(self, tokens: Tokens, rows: np.ndarray, truncation: Truncation) -> np.ndarray:
        """Return scores of some texts as one batch, padded to the longest of them alone."""
        import torch

        ids, lengths = tokens.batch(torch.as_tensor(rows), truncation)
        ids = ids[:, : int(lengths.max())]
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        return self.scores(ids.numpy(), mask.long().numpy())
