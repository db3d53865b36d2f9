"""Visitors that act at random while runs train and the server is killed again and again.

    python -m benchmarks.load.soak --minutes 10

All but one of the visitors speak to the server over the WebSocket as a browser does; one is a browser.
Their actions follow from the seed. When the time is over, the server is started once more and every run
goes to its end. Then no run may be lost, and every finished run must have the very weights of one of the
same settings that was never interrupted. Exits with status 1 otherwise.
"""

import argparse
import contextlib
import os
import random
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness import chromium, data, report
from benchmarks.harness.server_process import ServerProcess
from benchmarks.load import run_audit, visitor_actions
from benchmarks.load.run_audit import LIVE, RESUMABLE
from benchmarks.load.simulated_visitor import TIMEOUT, Visitor, WidgetNotFound
from benchmarks.load.visitor_actions import RandomVisitor, SoakState
from ftcore import tracking

MOST_MINUTES = 20.0  # of acting; the end takes a few more
WARM_UP = 10.0  # seconds after a start in which answers may wait for imports
END_TIMEOUT = 360.0  # seconds for the runs that are left
ATTEMPTS = 3  # to resume a run at the end
LIST_AGE = 1.2  # seconds for which the list of runs may be cached
TRACEBACK = "Traceback "


@dataclass(frozen=True)
class ServerRun:
    """One process of the server: how it ended, and what it used until then."""

    ended: str
    seconds: float
    megabytes: float
    tracebacks: int
    stop_seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s, {self.ended}, {self.megabytes:.0f} MB"


class Monitor:
    """Watches the record: which runs a server's end interrupts, and how long none makes progress."""

    def __init__(self, state: SoakState) -> None:
        self._state = state
        self.longest_stall = 0.0
        self.interruptions: Counter[str] = Counter()  # by run
        self._live: set[str] = set()  # runs that were live since the server's start
        self._interrupted: set[str] = set()  # runs that were interrupted at that start

    def watch(self) -> None:
        """Poll the record until the soak is over."""
        state, ends, reached, changed = self._state, -1, ("", "", 0.0), 0.0
        while not state.over.wait(0.5):
            if not state.up.is_set():
                continue
            state.statuses = run_audit.statuses()
            live = {run_id for run_id, status in state.statuses.items() if status in LIVE}
            self._live |= live
            now, clock = self._reached(), time.monotonic()
            restarted = ends != state.ends
            if restarted and (now == reached or clock - state.started < WARM_UP):
                changed = clock
                continue  # the server imports, and what was prepared before is prepared again
            if restarted or now != reached or not live:
                ends, reached, changed = state.ends, now, clock
            self.longest_stall = max(self.longest_stall, clock - changed)

    def _reached(self) -> tuple[str, str, float]:
        """The running run, its phase and how far that is."""
        for run_id, status in self._state.statuses.items():
            if status == "running":
                with contextlib.suppress(Exception):  # it was discarded just now
                    run = tracking.run(run_id)
                    return run_id, run.phase, run.phase_done
        return "", "", 0.0

    def server_starts(self) -> None:
        self._live = set()
        self._interrupted = _interrupted()

    def server_ended(self) -> None:
        """Count the runs that this end interrupted."""
        for run_id in _interrupted():
            if run_id in self._live or run_id not in self._interrupted:
                self.interruptions[run_id] += 1


def _interrupted() -> set[str]:
    return {run for run, status in run_audit.statuses().items() if status == "interrupted"}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of acting, 20 at most")
    parser.add_argument("--visitors", type=int, default=20, help="one of them a browser")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--home", type=Path, help="an empty folder to use and keep")
    options = parser.parse_args(argv)
    if not chromium.path():
        raise SystemExit(chromium.MISSING)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is ended, too
    report.heading("Soak")
    print(f"Seed {options.seed}.\n", flush=True)
    with contextlib.ExitStack() as stack:
        home = options.home or stack.enter_context(data.home()) / "home"
        os.environ["UNFREEZE_HOME"] = str(home)
        faults = soak(home, min(options.minutes, MOST_MINUTES), options.visitors, options.seed)
    if faults:
        raise SystemExit("\n".join(["", "Failed:", *faults]))


def soak(home: Path, minutes: float, visitors: int, seed: int) -> list[str]:
    """Let the visitors act, check all runs, print the figures and return the faults."""
    began = time.monotonic()
    server = ServerProcess(home)
    state = SoakState(server.address, seed)
    monitor = Monitor(state)
    lost: dict[str, str] = {}
    server_runs: list[ServerRun] = []
    try:
        threads = start_visitors(state, monitor, visitors)
        draw = random.Random(seed)
        while time.monotonic() < began + minutes * 60 and not lost:
            server_runs.append(run_server(server, state, monitor, draw))
            print(
                f"server run {len(server_runs)}: {server_runs[-1]}, {len(state.statuses)} runs, "
                f"{len(state.errors)} errors",
                flush=True,
            )
            lost = dict.fromkeys(state.expected.missing(), "is not listed")
        state.over.set()
        state.up.set()
        for thread in threads:
            thread.join(2 * TIMEOUT)
        server.start()
        started = time.monotonic()
        try:
            finish_all_runs(server.address)
        except Exception as error:
            state.errors.append(f"at the end: {type(error).__name__}: {error}")
        server_runs.append(end_server(server, signal.SIGINT, started))
    finally:
        server.stop(signal.SIGKILL)
    lost |= run_audit.lost_runs(state.expected)
    groups = run_audit.finished_by_config()
    differing: dict[str, str] = {}
    for config, run_ids in groups.items():
        differing |= run_audit.differing_runs(config, run_ids)

    statuses = Counter(run_audit.statuses().values())
    statuses["finished"] -= len(groups)  # those trained just now to compare with
    figures = run_figures(state, monitor, [run for runs in groups.values() for run in runs])
    figures |= {
        "runs finished": statuses["finished"],
        "runs stopped and kept, or taken off": statuses["stopped"],
        "lost": sum(reason != run_audit.SNAPSHOT_LEFT for reason in lost.values()),
        "ended with other weights": len(differing),
        "snapshots left behind": sum(why == run_audit.SNAPSHOT_LEFT for why in lost.values()),
    }
    figures |= server_figures(state, server_runs) | {"seconds": time.monotonic() - began}
    show(state, figures)
    faults = [f"run {run_id} {reason}" for run_id, reason in (lost | differing).items()]
    for number, run in enumerate(server_runs, 1):
        if run.tracebacks or run.ended == "by itself":
            faults.append(f"server run {number}: {run}, {run.tracebacks} tracebacks in its log")
    return faults + state.errors


def start_visitors(state: SoakState, monitor: Monitor, count: int) -> list[threading.Thread]:
    """Start the monitor and `count` visitors, each in a thread."""
    targets: list[Callable[[], None]] = [
        monitor.watch,
        lambda: visitor_actions.keep_long_run_going(state),
        lambda: visitor_actions.use_browser(state),
        *(RandomVisitor(state, number).act_until_over for number in range(count - 2)),
    ]
    threads = [threading.Thread(target=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    return threads


def run_server(
    server: ServerProcess, state: SoakState, monitor: Monitor, draw: random.Random
) -> ServerRun:
    """Run the server for some seconds, then kill it or press Ctrl-C."""
    errors = len(state.errors)
    monitor.server_starts()
    server.start()
    started = state.started = time.monotonic()
    state.up.set()
    time.sleep(draw.uniform(0, 5) if draw.random() < 0.2 else draw.uniform(10, 50))
    how = signal.SIGINT if draw.random() < 0.2 else signal.SIGKILL
    state.up.clear()
    state.ends += 1
    run = end_server(server, how, started)
    time.sleep(LIST_AGE)
    monitor.server_ended()
    for error in state.errors[errors:]:
        print(f"  {error}")
    return run


def end_server(server: ServerProcess, how: signal.Signals, started: float) -> ServerRun:
    """End the server with a signal; print what its log says of an error."""
    ended = {signal.SIGKILL: "kill -9", signal.SIGINT: "Ctrl-C"}[how]
    if server.process.poll() is not None:
        ended = "by itself"
    megabytes = resident_megabytes(server.process.pid)
    clock = time.monotonic()
    server.stop(how)
    log = server.log.read_text(errors="replace")
    if TRACEBACK in log:
        print(log[max(0, log.find(TRACEBACK) - 500) :][:4_000], flush=True)
    stop_seconds = time.monotonic() - clock
    return ServerRun(ended, clock - started, megabytes, log.count(TRACEBACK), stop_seconds)


def finish_all_runs(address: str) -> None:
    """Resume every run that can be resumed, and wait until none is live."""
    visitor = Visitor(address)
    attempts: Counter[str] = Counter()
    end = time.monotonic() + END_TIMEOUT
    while time.monotonic() < end:
        statuses = run_audit.statuses()
        waiting = [
            run_id
            for run_id, status in statuses.items()
            if status in RESUMABLE and attempts[run_id] < ATTEMPTS
        ]
        if not waiting and not any(status in LIVE for status in statuses.values()):
            break
        for run_id in waiting:
            attempts[run_id] += 1
            visitor.open("train", f"run={run_id}")
            with contextlib.suppress(WidgetNotFound):
                visitor.press("resume")
        time.sleep(1.0)
    visitor.close()


def run_figures(state: SoakState, monitor: Monitor, compared: list[str]) -> dict[str, float]:
    """Figures on the runs."""
    interrupted = [run_id for run_id in compared if monitor.interruptions[run_id]]
    return {
        "runs started": len(state.expected.started),
        "runs discarded": len(state.expected.discarded),
        "interruptions": monitor.interruptions.total(),
        "runs interrupted": len(monitor.interruptions),
        "most interruptions of one run": max(monitor.interruptions.values(), default=0),
        "longest time without a step, s": monitor.longest_stall,
        "interrupted runs that finished, compared bit for bit": len(interrupted),
        "finished runs compared bit for bit": len(compared),
    }


def server_figures(state: SoakState, server_runs: list[ServerRun]) -> dict[str, float]:
    """Figures on the server and its answers."""
    ends = Counter(run.ended for run in server_runs[:-1])
    early = [seconds for seconds, age, _ in state.answers if age < WARM_UP]
    late = [seconds for seconds, age, _ in state.answers if age >= WARM_UP]
    stops = [run.stop_seconds for run in server_runs if run.ended == "Ctrl-C"]
    return {
        "kills survived": ends["kill -9"],
        "Ctrl-C survived": ends["Ctrl-C"],
        "longest stop after Ctrl-C, s": max(stops, default=0.0),
        "tracebacks": sum(run.tracebacks for run in server_runs),
        "clients' errors": len(state.errors),
        "actions": state.actions.total(),
        "answers": len(state.answers),
        "median answer, s": statistics.median([0.0, *early, *late]),
        "longest answer, s": max(late, default=0.0),
        f"longest answer in the first {WARM_UP:.0f} s, s": max(early, default=0.0),
        "most memory at a server's end, MB": max(run.megabytes for run in server_runs),
    }


def show(state: SoakState, figures: dict[str, float]) -> None:
    """Print the figures, for people and as JSON."""
    report.table(["action", "times"], state.actions.most_common())
    figures = report.rounded(figures)
    report.table(["figure", "value"], [[name, f"{value:,}"] for name, value in figures.items()])
    report.result("soak", seed=state.seed, **figures, by_action=dict(state.actions))


def resident_megabytes(pid: int) -> float:
    """Memory of a process now, in 10⁶ bytes; 0 if it has ended or the system does not say."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if "VmRSS" in line), 0.0)


if __name__ == "__main__":
    main(sys.argv[1:])
