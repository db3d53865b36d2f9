"""Visitors that act at random while runs train and two servers are killed again and again.

    python -m benchmarks.load.soak --minutes 10

Both servers have the same home. The visitors speak to one of them over the WebSocket as a browser does;
their actions follow from the seed. Meanwhile a checkpoint that runs start from is changed, and
connections are opened without completing a request. When the time is over, a server is started
once more and every run goes to its end, those from the changed checkpoint once it is put back. Then no run
may be lost, and every finished run must have the very weights of one of the same settings and the same
beginning that was never interrupted. Exits with status 1 otherwise.
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
from benchmarks.load import changing_parent, run_audit, visitor_actions
from benchmarks.load.changing_parent import ChangingParent
from benchmarks.load.run_audit import LIVE, RESUMABLE
from benchmarks.load.simulated_visitor import TIMEOUT, Visitor, WidgetNotFound
from benchmarks.load.visitor_actions import RandomVisitor, SharedServer, SoakState

WARM_UP = 10.0  # seconds after a start in which answers may wait for imports
END_TIMEOUT = 360.0  # seconds for the runs that are left
ATTEMPTS = 3  # to resume a run at the end
SERVERS = 2
OPEN_FILES = 1_024  # a server's limit
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
        faults = soak(folder, options.minutes, options.visitors, options.seed)
    if faults:
        raise SystemExit("\n".join(["", "Failed:", *faults]))


def soak(folder: Path, minutes: float, visitors: int, seed: int) -> list[str]:
    """Let the visitors act, check all runs, print the figures and return the faults."""
    began = time.monotonic()
    state = SoakState(seed)
    parent = ChangingParent(folder / "parents")
    parent.put(changing_parent.VERSIONS[0])
    processes = [ServerProcess(folder / "home", open_files=OPEN_FILES) for _ in range(SERVERS)]
    servers = [SharedServer(process.address) for process in processes]
    server_runs: list[ServerRun] = []
    try:
        threads = start_visitors(state, parent, processes, servers, visitors)
        end = began + minutes * 60
        restarting = [
            threading.Thread(target=restart_until, args=(end, state, *pair, server_runs))
            for pair in zip(processes, servers, strict=True)
        ]
        for thread in restarting:
            thread.start()
        for thread in restarting:
            thread.join()
        state.over.set()
        for server in servers:
            server.up.set()  # no visitor waits for it any more
        for thread in threads:
            thread.join(2 * TIMEOUT)
        processes[0].start()
        started = time.monotonic()
        try:
            for version in changing_parent.VERSIONS:
                parent.put(version)
                finish_all_runs(processes[0].address)
        except Exception as error:
            state.errors.append(f"at the end: {type(error).__name__}: {error}")
        server_runs.append(end_server(processes[0], signal.SIGINT, started))
    finally:
        for process in processes:
            process.stop(signal.SIGKILL)
    lost = run_audit.lost_runs(state.run_ids, state.deleted)
    statuses = Counter(run_audit.statuses().values())
    differing, compared = compare_runs(state, parent)
    figures = {
        "runs finished": statuses["finished"],
        "runs stopped and kept, or taken off": statuses["stopped"],
        "runs refused for good, as their parent trained on": statuses["interrupted"],
        "checkpoints deleted": len(state.deleted),
        "lost, or with a snapshot left behind": len(lost),
        "ended with other weights": len(differing),
        "interruptions": state.interruptions.total(),
        "runs interrupted": len(state.interruptions),
        "most interruptions of one run": max(state.interruptions.values(), default=0),
        "finished runs compared bit for bit": len(compared),
        "of them interrupted": sum(run_id in state.interruptions for run_id in compared),
        **server_figures(state, servers, server_runs),
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


def compare_runs(state: SoakState, parent: ChangingParent) -> tuple[dict[str, str], list[str]]:
    """Runs that differ from one without interruption, with the reason; all that were compared."""
    differing: dict[str, str] = {}
    compared: list[str] = []
    for version in changing_parent.VERSIONS:
        parent.put(version)
        for same, run_ids in run_audit.finished_alike(state.deleted).items():
            if same.can_be_repeated and not {*run_ids} & {*compared}:
                differing |= run_audit.differing_runs(same.config, run_ids)
                compared += run_ids
    return differing, compared


def start_visitors(
    state: SoakState,
    parent: ChangingParent,
    processes: list[ServerProcess],
    servers: list[SharedServer],
    count: int,
) -> list[threading.Thread]:
    """Start `count` visitors, each in a thread, and threads of those who watch and disturb."""
    visitors = [
        RandomVisitor(state, servers[number % len(servers)], number) for number in range(count - 1)
    ]
    targets: list[Callable[[], None]] = [
        lambda: visitor_actions.poll_statuses(state),
        lambda: visitor_actions.change_a_parent(state, parent),
        lambda: visitor_actions.open_half_requests(state, processes[0]),
        lambda: visitor_actions.keep_long_run_going(state, servers[0]),
        *(visitor.act_until_over for visitor in visitors),
    ]
    threads = [threading.Thread(target=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    return threads


def restart_until(
    end: float,
    state: SoakState,
    process: ServerProcess,
    server: SharedServer,
    server_runs: list[ServerRun],
) -> None:
    """Run a server and end it, again and again, until the time is over or a run is lost."""
    draw = random.Random(f"{state.seed}/{process.port}")
    try:
        while time.monotonic() < end and not state.run_ids - run_audit.statuses().keys():
            run = run_server(process, server, draw)
            server_runs.append(run)
            runs = f"{len(state.statuses)} runs, {len(state.errors)} errors"
            print(f"server run {len(server_runs)}: {run}, {runs}", flush=True)
    except Exception as error:
        state.errors.append(f"a server: {type(error).__name__}: {error}")


def run_server(process: ServerProcess, server: SharedServer, draw: random.Random) -> ServerRun:
    """Run a server for some seconds, then kill it or press Ctrl-C."""
    process.start()
    started = server.started = time.monotonic()
    server.up.set()
    time.sleep(draw.uniform(0, 5) if draw.random() < 0.2 else draw.uniform(10, 50))
    how = signal.SIGINT if draw.random() < 0.2 else signal.SIGKILL
    server.up.clear()
    server.ends += 1
    return end_server(process, how, started)


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


def server_figures(
    state: SoakState, servers: list[SharedServer], server_runs: list[ServerRun]
) -> dict[str, float]:
    """Figures on the servers and their answers."""
    ends = Counter(run.ended for run in server_runs[:-1])
    answers = [answer for server in servers for answer in server.answers]
    early = [seconds for seconds, age in answers if age < WARM_UP]
    late = [seconds for seconds, age in answers if age >= WARM_UP]
    stops = [run.stop_seconds for run in server_runs if run.ended == "Ctrl-C"]
    return {
        "kills survived": ends["kill -9"],
        "Ctrl-C survived": ends["Ctrl-C"],
        "longest stop after Ctrl-C, s": max(stops, default=0.0),
        "tracebacks": sum(run.tracebacks for run in server_runs),
        "clients' errors": len(state.errors),
        "actions": state.actions.total(),
        "answers": len(answers),
        "median answer, s": statistics.median([0.0, *early, *late]),
        "longest answer, s": max(late, default=0.0),
        f"longest answer in the first {WARM_UP:.0f} s, s": max(early, default=0.0),
        "most memory at a server's end, MB": max(run.megabytes for run in server_runs),
    }


if __name__ == "__main__":
    main(sys.argv[1:])
