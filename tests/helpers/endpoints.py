"""Endpoints: the command `serve` in a process of its own, or a model of the test's in a thread."""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import requests

from benchmarks.harness.ports import free_port
from ftcore import paths
from ftcore.inference.text_model import TextModel
from ftcore.serving import listening, server
from ftcore.text.truncation import Truncation
from ftcore.text.word_rules import CURRENT
from ftcore.text.words import WordTokenizer
from tests.helpers.waiting import PATIENCE

LABELS = ("negative", "positive")
WORDS = ["<unk>", "<pad>", "good", "bad", "film"]


class Endpoint:
    """`python -m ftcore serve REF` on a free port; `started` is the line that it prints."""

    def __init__(self, ref, **environment):
        self.port = free_port()
        command = [sys.executable, "-m", "ftcore", "serve", str(ref), "--json"]
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)],
            cwd=paths.ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(self.process.stderr.read())
        self.started = json.loads(line)
        self.address = self.started["address"]

    def post(self, texts, **options):
        return requests.post(f"{self.address}/predict", json={"texts": texts}, **options)

    def stop(self):
        """End it as a supervisor does; returns the exit status and the rest of the output."""
        self.process.send_signal(signal.SIGTERM)
        out, errors = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out, errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class Counting:
    """A network whose first score is the number of known words; it notes the lengths of its batches.

    It computes only while `open` is set; `blocked`: whether it waits for that.
    """

    blocked = False

    def __init__(self):
        self.batches = []
        self.open = threading.Event()
        self.open.set()

    def scores_of(self, tokens, rows, truncation):
        self.blocked = not self.open.is_set()
        self.open.wait(PATIENCE)
        ids, lengths = tokens.batch(rows, truncation)
        self.batches.append(lengths.tolist())
        known = ((ids > 1).sum(1)).numpy()
        return np.stack([known, np.zeros(len(known))], 1).astype(np.float32)


def small_model(network=None, **values):
    values = {
        "title": "Small",
        "labels": LABELS,
        "thresholds": (),
        "calibration": None,
        "tokenizer": WordTokenizer(CURRENT, WORDS),
        "truncation": Truncation(256),
        "training_lengths": None,
        "network": network or Counting(),
    } | values
    return TextModel(**values)


@contextmanager
def served(model, key=""):
    """Serve a model in a thread; gives its address."""
    ready = threading.Event()
    with listening.bind("127.0.0.1", 0) as bound:
        running = server.Server(model, key, ready.set)
        thread = threading.Thread(target=running.run, args=([bound],), daemon=True)
        thread.start()
        assert ready.wait(PATIENCE)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            running.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()
