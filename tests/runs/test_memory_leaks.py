"""Memory comes back: run after run, ended in each possible way, in one process."""

import json
import subprocess
import sys
from statistics import median

import pytest

from ftcore import paths

pytestmark = pytest.mark.slow

RUNS = """
import json, resource, sys
from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation
from ftcore.runs import execution

used = []
for number in range(20):
    request = execution.EndRequest()
    config = FineTuneConfig(
        limit=150, test_limit=200, epochs=1, seed=number % 3, device=sys.argv[1]
    )
    for event in execution.execute(tracking.create_run(config), request):
        if isinstance(event, Evaluation) and event.step:
            request.action = ("stop", "pause", "discard", None)[number % 4]
    if config.device == "cpu":
        used.append(int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize())
    else:
        import torch

        used.append(torch.cuda.memory_reserved())
print(json.dumps(used))
"""
FREED = """
import json, resource
from ftcore import devices

def used():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

pieces = [b"x" * 100_000 for _ in range(2_000)]  # small enough for the heap, which the last one pins
full = used()
del pieces[:-1]
unreleased = used()
devices.release_memory()
print(json.dumps([full - unreleased, full - used()]))
"""


def output(code: str, *arguments: str) -> list[int]:
    """The list that a Python process prints."""
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, timeout=600)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_twenty_runs_leave_memory_level(device):
    if device == "cuda" and not pytest.importorskip("torch").cuda.is_available():
        pytest.skip("no GPU")
    used = output(RUNS, device)
    # The first runs load libraries and find their sizes; what counts is that it grows no more.
    assert median(used[-6:]) <= 1.05 * median(used[6:12]), [round(size / 1e6) for size in used]


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
def test_freed_memory_goes_back_to_the_system():
    before, after = output(FREED)
    assert before < 50_000_000 < 150_000_000 < after
