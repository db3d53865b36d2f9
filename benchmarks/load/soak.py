"""Visitors that act at random while runs train and the server is killed again and again.

    python -m benchmarks.load.soak --minutes 10

The visitors speak to the server over the WebSocket as a browser does; their actions follow from the seed.
When the time is over, the server is started once more and every run goes to its end. Then no run may be
lost, and every finished run must have the very weights of one of the same settings that was never
interrupted. Exits with status 1 otherwise.
"""

import argparse
import contextlib
import random
import signal
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.harness import data, machine, report
from benchmarks.harness.server_process import ServerProcess
from benchmarks.load import run_audit, visitor_actions
from benchmarks.load.run_audit import LIVE, RESUMABLE
from benchmarks.load.simulated_visitor import TIMEOUT, Visitor, WidgetNotFound
from benchmarks.load.visitor_actions import RandomVisitor, SoakState

WARM_UP = 10.0  # seconds after a start in which answers may wait for imports
END_TIMEOUT = 360.0  # seconds for the runs that are left
ATTEMPTS = 3  # to resume a run at the end
LIST_AGE = 1.2  # seconds for which the list of runs may be cached
TRACEBACK = "Traceback "


class ServerRun(NamedTuple):
    """One process of the server: how it ended, and what it used until then."""

    ended: str
    seconds: float
    megabytes: float
    tracebacks: int
    stop_seconds: float

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s, {self.ended}, {self.megabytes:.0f} MB"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="of acting; the end takes a few more"
    )
    parser.add_argument("--visitors", type=int, default=20, help="who act at the same time")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is ended, too
    report.heading("Soak")
    print(f"Seed {options.seed}.\n", flush=True)
    with data.home() as folder:
        faults = soak(folder / "home", options.minutes, options.visitors, options.seed)
    if faults:
        raise SystemExit("\n".join(["", "Failed:", *faults]))


def soak(home: Path, minutes: float, visitors: int, seed: int) -> list[str]:
    """Let the visitors act, check all runs, print the figures and return the faults."""
    began = time.monotonic()
    server = ServerProcess(home)
    state = SoakState(server.address, seed)
    interruptions: Counter[str] = Counter()  # by run
    server_runs: list[ServerRun] = []
    try:
        threads = start_visitors(state, visitors)
        draw = random.Random(seed)
        while time.monotonic() < began + minutes * 60:
            server_runs.append(run_server(server, state, interruptions, draw))
            runs = f"{len(state.statuses)} runs, {len(state.errors)} errors"
            print(f"server run {len(server_runs)}: {server_runs[-1]}, {runs}", flush=True)
            if state.run_ids - run_audit.statuses().keys():
                break  # a run is lost
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
    lost = run_audit.lost_runs(state.run_ids)
    statuses = Counter(run_audit.statuses().values())
    groups = run_audit.finished_by_config()
    differing: dict[str, str] = {}
    for config, run_ids in groups.items():
        differing |= run_audit.differing_runs(config, run_ids)
    compared = [run_id for run_ids in groups.values() for run_id in run_ids]
    figures = {
        "runs finished": statuses["finished"],
        "runs stopped and kept, or taken off": statuses["stopped"],
        "lost, or with a snapshot left behind": len(lost),
        "ended with other weights": len(differing),
        "interruptions": interruptions.total(),
        "runs interrupted": len(interruptions),
        "most interruptions of one run": max(interruptions.values(), default=0),
        "finished runs compared bit for bit": len(compared),
        "of them interrupted": sum(run_id in interruptions for run_id in compared),
        **server_figures(state, server_runs),
        "seconds": time.monotonic() - began,
    }
    figures = report.rounded(figures)
    report.table(["action", "times"], state.actions.most_common())
    report.table(["figure", "value"], [[name, f"{value:,}"] for name, value in figures.items()])
    report.result("soak", seed=seed, **figures, by_action=dict(state.actions))
    faults = [f"run {run_id} {reason}" for run_id, reason in (lost | differing).items()]
    for number, run in enumerate(server_runs, 1):
        if run.tracebacks or run.ended == "by itself":
            faults.append(f"server run {number}: {run}, {run.tracebacks} tracebacks in its log")
    return faults + state.errors


def start_visitors(state: SoakState, count: int) -> list[threading.Thread]:
    """Start `count` visitors, each in a thread, and a thread that reads how the runs stand."""
    targets: list[Callable[[], None]] = [
        lambda: poll_statuses(state),
        lambda: visitor_actions.keep_long_run_going(state),
        *(RandomVisitor(state, number).act_until_over for number in range(count - 1)),
    ]
    threads = [threading.Thread(target=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    return threads


def poll_statuses(state: SoakState) -> None:
    while not state.over.wait(0.5):
        if state.up.is_set():
            state.statuses = run_audit.statuses()
            state.ran.update(run for run, status in state.statuses.items() if status in LIVE)


def run_server(
    server: ServerProcess, state: SoakState, interruptions: Counter[str], draw: random.Random
) -> ServerRun:
    """Run the server for some seconds, then kill it or press Ctrl-C; count the runs this interrupts."""
    errors = len(state.errors)
    state.ran.clear()
    before = interrupted_runs()
    server.start()
    started = state.started = time.monotonic()
    state.up.set()
    time.sleep(draw.uniform(0, 5) if draw.random() < 0.2 else draw.uniform(10, 50))
    how = signal.SIGINT if draw.random() < 0.2 else signal.SIGKILL
    state.up.clear()
    state.ends += 1
    run = end_server(server, how, started)
    time.sleep(LIST_AGE)
    after = interrupted_runs()
    interruptions.update(after - before | after & state.ran)
    for error in state.errors[errors:]:
        print(f"  {error}")
    return run


def interrupted_runs() -> set[str]:
    return {run for run, status in run_audit.statuses().items() if status == "interrupted"}


def end_server(server: ServerProcess, how: signal.Signals, started: float) -> ServerRun:
    """End the server with a signal; print what its log says of an error."""
    ended = {signal.SIGKILL: "kill -9", signal.SIGINT: "Ctrl-C"}[how]
    if server.process.poll() is not None:
        ended = "by itself"
    megabytes = machine.megabytes("VmRSS", server.process.pid)
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


def server_figures(state: SoakState, server_runs: list[ServerRun]) -> dict[str, float]:
    """Figures on the server and its answers."""
    ends = Counter(run.ended for run in server_runs[:-1])
    early = [seconds for seconds, age in state.answers if age < WARM_UP]
    late = [seconds for seconds, age in state.answers if age >= WARM_UP]
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


if __name__ == "__main__":
    main(sys.argv[1:])
