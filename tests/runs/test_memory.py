"""Memory comes back: run after run, ended in each way that there is, in one process."""

import json
import subprocess
import sys
from statistics import median

import pytest

from ftcore import paths

pytestmark = pytest.mark.slow

CYCLES = 50
CODE = """
import json, resource, sys
from ftcore import tracking
from ftcore.config import FineTuneConfig
from ftcore.events import Evaluation
from ftcore.runs import execution

ENDINGS = ("stop", "pause", "discard", "")
used = []
for cycle in range(int(sys.argv[1])):
    request = execution.EndRequest()
    config = FineTuneConfig(limit=150, epochs=1, seed=cycle % 3, device=sys.argv[2])
    for event in execution.execute(tracking.create_run(config), request):
        if isinstance(event, Evaluation) and event.step:
            request.action = ENDINGS[cycle % len(ENDINGS)]
    if config.device == "cpu":
        used.append(int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize())
    else:
        import torch

        used.append(torch.cuda.memory_reserved())
print(json.dumps(used))
"""


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_fifty_runs_leave_memory_level(device: str) -> None:
    if device == "cuda" and not pytest.importorskip("torch").cuda.is_available():
        pytest.skip("no GPU")
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(CYCLES), device],
        cwd=paths.ROOT,
        text=True,
        capture_output=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    used = json.loads(done.stdout)
    assert len(used) == CYCLES
    # The first runs load libraries and find their sizes; what counts is that it grows no more.
    early, late = median(used[10:20]), median(used[-10:])
    assert late <= 1.05 * early, [round(one / 1e6) for one in used]


FREED = """
import resource
from ftcore import devices

def used():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

pieces = [b"x" * 100_000 for _ in range(2_000)]  # small enough for the heap, which the last one pins
full = used()
del pieces[:-1]
kept = used()
devices.release_memory()
print(full - kept, full - used())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's heap")
def test_what_is_freed_goes_back_to_the_system() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FREED], cwd=paths.ROOT, capture_output=True, text=True
    )
    before, after = map(int, done.stdout.split())
    assert before < 50_000_000 < 150_000_000 < after, done.stderr
