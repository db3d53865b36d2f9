"""The endpoint beside others: MiniLM in int8 and fp32, MLflow's server, a pipeline of transformers.

    python -m benchmarks.inference.serving --short | --full

Texts of 22 tokens. A sentence: one caller, one text a request. Batches: 4 callers, 64 texts a request. The
load comes from a process of its own on the same cores. One server after the other, in turns.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import requests

from benchmarks import encoders
from benchmarks.harness import data, http_load, report
from benchmarks.harness.ports import free_port
from ftcore import paths
from ftcore.config import FineTuneConfig
from ftcore.data import datasets
from ftcore.events import drain
from ftcore.exchange import formats, huggingface
from ftcore.models import checkpoint_files, checkpoints
from ftcore.runs.train import train
from ftcore.text.tokenizer import Tokenizer

TOKENS = 22  # of a text, special ones included
CALLERS, BATCH = 4, 64
OURS, FP32, PLAIN, MLFLOW = "serve, int8", "serve, fp32", "pipeline", "mlflow models serve"
START_SECONDS = 120.0


class Counts(NamedTuple):
    """Requests of a turn, and turns."""

    sentences: int
    batches: int
    turns: int


SHORT, FULL = Counts(150, 24, 2), Counts(500, 100, 5)


def main(argv: list[str] | None = None) -> None:
    counts = FULL if report.options(__doc__ or "", argv).full else SHORT
    with data.home() as folder:
        compare(folder, counts)


def compare(folder: Path, counts: Counts) -> None:
    """Measure and print."""
    report.heading("An endpoint: one sentence, and batches")
    ref = _train()
    servers = _servers(ref, folder)
    texts = _texts(checkpoint_files.load_tokenizer(checkpoints.find(ref)))
    sentences: dict[str, list[float]] = {name: [] for name in servers}
    rates: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(counts.turns):
        for name, command in servers.items():
            one, many = _bodies(folder, name, texts)
            with _running(command) as address:
                url = f"{address}/{'invocations' if name == MLFLOW else 'predict'}"
                http_load.post(url, one, 1, 5), http_load.post(url, many, 1, 2)  # warm up
                sentences[name] += http_load.post(url, one, 1, counts.sentences).milliseconds
                load = http_load.post(url, many, CALLERS, counts.batches)
                rates[name].append(counts.batches * BATCH / load.seconds)
    p50 = {name: float(np.percentile(values, 50)) for name, values in sentences.items()}
    rate = {name: float(np.median(values)) for name, values in rates.items()}
    report.table(
        ["", "a sentence, p50", "p95", "texts/s in batches", "sentence, ratio", "texts/s, ratio"],
        [
            [
                name,
                f"{p50[name]:.1f} ms",
                f"{np.percentile(sentences[name], 95):.1f} ms",
                report.spread(rates[name]),
                f"{p50[name] / p50[OURS]:.2f}",
                f"{rate[name] / rate[OURS]:.2f}",
            ]
            for name in servers
        ],
    )
    report.result("serving", p50_ms=p50, texts_per_second=rate)


def _train() -> str:
    """A run on the sample: the speed of a model does not depend on what it has learned."""
    encoder = drain(huggingface.import_encoder(str(encoders.minilm())))
    values = {"checkpoint": encoder.ref, "dataset": "sample", "mode": "last-layer", "limit": 500}
    config = FineTuneConfig(**values, epochs=2, max_length=64, pooling="first")
    drain(train(config, checkpoints.run_path("benchmark"), "benchmark"))
    return "benchmark"


def _servers(ref: str, folder: Path) -> dict[str, list[str]]:
    """The command of each server, without its port, after its form of the model was written."""
    forms = {OURS: "onnx-int8", FP32: "onnx", PLAIN: "huggingface", MLFLOW: "mlflow"}
    python, local = [sys.executable, "-m"], ["--env-manager", "local"]
    tails = {
        OURS: ["ftcore", "serve", "FOLDER", "--port", "PORT"],
        FP32: ["ftcore", "serve", "FOLDER", "--port", "PORT"],
        PLAIN: ["benchmarks.inference.plain_endpoint", "FOLDER", "PORT"],
        MLFLOW: ["mlflow", "models", "serve", *local, "-m", "FOLDER", "--port", "PORT"],
    }
    servers = {}
    for name, form in forms.items():
        target = str(drain(formats.export(form, ref, folder / form)))
        tail = [target if part == "FOLDER" else part for part in tails[name]]
        servers[name] = [*python, *tail]
    return servers


def _texts(tokenizer: Tokenizer) -> list[str]:
    """Different texts of TOKENS tokens, from the words of the sample's reviews."""
    words = [word for text in drain(datasets.load("sample")).test.texts for word in text.split()]
    inside = TOKENS - tokenizer.frame.size
    texts: list[str] = []
    start = 0
    while len(texts) < BATCH:
        end = start + 1
        while len(tokenizer.tokenize(" ".join(words[start:end]))) < inside:
            end += 1
        text = " ".join(words[start:end])
        if len(tokenizer.tokenize(text)) == inside:
            texts.append(text)
        start = end
    return texts


def _bodies(folder: Path, name: str, texts: list[str]) -> tuple[Path, Path]:
    """Files with the bodies of a sentence and of a batch."""
    key = "inputs" if name == MLFLOW else "texts"
    files = (folder / "sentence.json", folder / "batch.json")
    for file, some in zip(files, (texts[:1], texts), strict=True):
        file.write_text(json.dumps({key: some}))
    return files


@contextmanager
def _running(command: list[str]) -> Iterator[str]:
    """Start a server on a free port and yield its address once it answers."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    full = [str(port) if part == "PORT" else part for part in command]
    programs = str(Path(sys.executable).parent)  # where MLflow looks for its server
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    process = subprocess.Popen(
        full, cwd=paths.ROOT, stdout=subprocess.DEVNULL, start_new_session=True, env=environment
    )
    try:
        end = time.monotonic() + START_SECONDS
        while not _answers(address):
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit(f"{' '.join(full)} did not start.")
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except requests.RequestException:
        return False


if __name__ == "__main__":
    main(sys.argv[1:])
