"""Visitors that act at random while runs train, and a server that is killed again and again under them.

    python -m benchmarks.load.soak --minutes 10

All but one of the visitors speak to the server over the WebSocket as a browser does; one is a browser. Their
actions come from the seed. When the time is over, every run that is not over is resumed and goes to its end,
in one more life of the server. Then nothing may be lost, and every finished run must have the very weights
of one of the same settings that was never interrupted. Exit status 1 where that is not so.
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
from pathlib import Path

from benchmarks.harness import data, picture, report
from benchmarks.load import crowd, ledger
from benchmarks.load.crowd import World
from benchmarks.load.lives import Server
from benchmarks.load.visitor import PATIENCE, NotThere, Visitor
from ftcore import tracking

MOST_MINUTES = 20.0  # of acting; the end takes a few more
STARTING = 10.0  # seconds: what takes long in so young a server waits for imports
TO_THE_END = 360.0  # seconds for all that is left
ATTEMPTS = 3  # to resume a run at the end
STALE = 1.2  # seconds for which the list of runs may be what it was


class Monitor:
    """Reads the record as it goes: what runs, and how long nothing moved though something ran or waited."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.stalls: list[float] = []  # the longest of each life
        self.live: set[str] = set()  # runs that were live in this life
        self.resting: set[str] = set()  # runs that rested at its beginning
        self.interrupted: Counter[str] = Counter()  # run → ends of the server that interrupted it

    def watch(self) -> None:
        """Until it is over."""
        world, life, seen, moved = self._world, -1, ("", "", 0.0), 0.0
        while not world.over.wait(0.5):
            if not world.up.is_set():
                continue
            world.statuses = ledger.statuses()
            live = {one for one, status in world.statuses.items() if status in ledger.LIVE}
            self.live |= live
            now = self._reached()
            clock = time.monotonic()
            fresh = life != world.life
            if fresh and (now == seen or clock - world.since < STARTING):
                moved = clock
                continue  # imports, and what was prepared before the end is prepared again
            if fresh or now != seen or not live:
                life, seen, moved = world.life, now, clock
            while len(self.stalls) <= life:
                self.stalls.append(0.0)
            self.stalls[life] = max(self.stalls[life], clock - moved)

    def _reached(self) -> tuple[str, str, float]:
        for run_id, status in self._world.statuses.items():
            if status == "running":
                with contextlib.suppress(Exception):  # it was discarded just now
                    run = tracking.run(run_id)
                    return run_id, run.phase, run.phase_done
        return "", "", 0.0

    def begin(self) -> None:
        """A life begins."""
        self.live = set()
        self.resting = self._interrupted()

    def end(self) -> None:
        """A life is over; count what it took with it."""
        for run_id in self._interrupted():
            if run_id in self.live or run_id not in self.resting:
                self.interrupted[run_id] += 1

    def _interrupted(self) -> set[str]:
        return {one for one, status in ledger.statuses().items() if status == "interrupted"}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of acting, 20 at most")
    parser.add_argument("--visitors", type=int, default=20, help="one of them a browser")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--home", type=Path, help="an empty folder to use and keep")
    options = parser.parse_args(argv)
    if not picture.browser():
        raise SystemExit(
            "No chromium for one of the visitors: install it, or name it with CHROMIUM."
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # then the server goes, too
    report.heading("Soak")
    print(f"Seed {options.seed}.\n", flush=True)
    with contextlib.ExitStack() as stack:
        home = options.home or stack.enter_context(data.home()) / "home"
        home.mkdir(parents=True, exist_ok=True)
        os.environ["UNFREEZE_HOME"] = str(home)
        faults = soak(home, min(options.minutes, MOST_MINUTES), options.visitors, options.seed)
    if faults:
        raise SystemExit("\n".join(["", "This must not be:", *faults]))


def soak(home: Path, minutes: float, visitors: int, seed: int) -> list[str]:
    """Let them act, print the figures, and return what must not be."""
    began, draw = time.monotonic(), random.Random(seed)
    with Server(home) as server:
        world = World(server.address, seed)
        monitor = Monitor(world)
        faults: list[str] = []
        jobs = [monitor.watch, lambda: crowd.care(world), lambda: crowd.browse(world)]
        jobs += [lambda number=n: crowd.wander(world, number) for n in range(visitors - 2)]
        threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        end = time.monotonic() + minutes * 60
        while time.monotonic() < end:
            live(server, world, monitor, draw)
            if gone := world.ledger.missing():
                faults += [f"life {len(server.lives)}: {one} is not listed" for one in gone]
                break
        world.over.set()
        world.up.set()
        for thread in threads:
            thread.join(2 * PATIENCE)
        server.start()
        try:
            to_the_end(server.address)
        except Exception as error:
            world.errors.append(f"at the end: {type(error).__name__}: {error}")
        server.end(signal.SIGINT)
    faults += [f"run {one} {why}" for one, why in ledger.lost(world.ledger).items()]
    compared = ledger.alike()
    for config, run_ids in compared.items():
        faults += [f"run {one} {why}" for one, why in ledger.unlike(config, run_ids).items()]
    faults += [
        f"life {number}: a traceback in the server's log"
        for number, life in enumerate(server.lives, 1)
        if life.tracebacks
    ]
    faults += [
        f"life {number}: the server ended by itself"
        for number, life in enumerate(server.lives, 1)
        if life.ended == "by itself"
    ]
    faults += world.errors
    show(world, server, monitor, compared, faults, time.monotonic() - began)
    return faults


def live(server: Server, world: World, monitor: Monitor, draw: random.Random) -> None:
    """One life of the server, to its sudden or asked-for end."""
    said = len(world.errors)
    monitor.begin()
    server.start()
    world.since = time.monotonic()
    world.up.set()
    time.sleep(draw.uniform(0, 5) if draw.random() < 0.2 else draw.uniform(10, 50))
    how = signal.SIGINT if draw.random() < 0.2 else signal.SIGKILL
    world.up.clear()
    world.life += 1
    ended = server.end(how)
    time.sleep(STALE)
    monitor.end()
    for error in world.errors[said:]:
        print(f"  {error}")
    print(
        f"life {len(server.lives)}: {ended.seconds:.0f} s, {ended.ended}, {ended.memory:.0f} MB, "
        f"{len(world.statuses)} runs, {len(world.errors)} errors",
        flush=True,
    )


def to_the_end(address: str) -> None:
    """Resume what rests, and wait until nothing is left to do."""
    visitor = Visitor(address)
    tried: Counter[str] = Counter()
    end = time.monotonic() + TO_THE_END
    while time.monotonic() < end:
        now = ledger.statuses()
        resting = [one for one, status in now.items() if status in ledger.RESTING]
        for run_id in resting:
            if tried[run_id] < ATTEMPTS:
                tried[run_id] += 1
                visitor.open("train", f"run={run_id}")
                with contextlib.suppress(NotThere):
                    visitor.press("resume")
        if not any(tried[one] < ATTEMPTS for one in resting) and not any(
            status in ledger.LIVE for status in now.values()
        ):
            break
        time.sleep(1.0)
    visitor.close()


def show(
    world: World,
    server: Server,
    monitor: Monitor,
    compared: dict[ledger.FineTuneConfig, list[str]],
    faults: list[str],
    seconds: float,
) -> None:
    """Print the figures, for people and as JSON."""
    states = Counter(ledger.statuses().values())
    states["finished"] -= len(compared)  # those that were never interrupted, to compare with
    ends = Counter(life.ended for life in server.lives[:-1])
    memory = [life.memory for life in server.lives if life.memory]
    young = [one for one in world.answers if one[1] < STARTING]
    grown = [one for one in world.answers if one[1] >= STARTING]
    finished = [run_id for run_ids in compared.values() for run_id in run_ids]
    again = [run_id for run_id in finished if monitor.interrupted[run_id]]
    differ = [one for one in faults if " differs from " in one]
    left = [one for one in faults if "its state is still there" in one]
    lost = [one for one in faults if one.startswith("run ") or "not listed" in one]
    stops = [life.ending for life in server.lives if life.ended == "Ctrl-C"]
    figures = {
        "kills survived": ends["kill -9"],
        "Ctrl-C survived": ends["Ctrl-C"],
        "longest stop after Ctrl-C, s": report.short(max(stops)),
        "runs started": len(world.ledger.started),
        "runs finished": states["finished"],
        "runs stopped and kept, or taken off": states["stopped"],
        "runs discarded": len(world.ledger.discarded),
        "interruptions": monitor.interrupted.total(),
        "runs interrupted": len(monitor.interrupted),
        "most interruptions of one run": max(monitor.interrupted.values(), default=0),
        "interrupted runs that finished, compared bit for bit": len(again),
        "finished runs compared bit for bit": len(finished),
        "lost": len(lost) - len(differ) - len(left),
        "ended with other weights": len(differ),
        "states left behind": len(left),
        "tracebacks": sum(life.tracebacks for life in server.lives),
        "clients' errors": len(world.errors),
        "actions": sum(world.acted.values()),
        "answers": len(world.answers),
        "longest answer, s": report.short(max((one[0] for one in grown), default=0.0)),
        f"longest answer in the first {STARTING:.0f} s, s": report.short(
            max((one[0] for one in young), default=0.0)
        ),
        "longest time without a step, s": report.short(max(monitor.stalls, default=0.0)),
        "memory at the end of a life, MB": report.short(max(memory, default=0.0)),
        "seconds": report.short(seconds),
    }
    report.table(["action", "times"], world.acted.most_common())
    report.table(
        ["slowest answers", "s", "age of the server, s"],
        [
            [f"/{page}", f"{took:.1f}", f"{age:.0f}"]
            for took, age, page in sorted(world.answers, reverse=True)[:5]
        ],
    )
    report.table(["figure", "value"], [[name, f"{value:,}"] for name, value in figures.items()])
    if memory:
        print(f"Memory at the end of a life: {report.spread(memory)} MB.")
        print(f"Answers: median {statistics.median(one[0] for one in world.answers):.2f} s.\n")
    report.result("soak", seed=world.seed, **figures, by_action=dict(world.acted))


if __name__ == "__main__":
    main(sys.argv[1:])
