"""Visitors of a soak, each in a thread of its own, who act at random while runs train."""

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from websockets.exceptions import WebSocketException

from benchmarks.harness.server_process import ServerProcess
from benchmarks.load import changing_parent, half_open, run_audit
from benchmarks.load.changing_parent import ChangingParent
from benchmarks.load.run_audit import ENDED, LIVE, RESUMABLE
from benchmarks.load.simulated_visitor import TIMEOUT, Visitor, WidgetNotFound
from ftcore.modes import mode_title

PAGES = ("", "train", "compare", "predict", "runs", "checkpoints", "data")
MOST_LIVE = 8  # runs that have not ended; no visitor starts more
CHANGE_PAUSE = 5.0  # seconds between two changes of a checkpoint
HALF_OPEN, HALF_OPEN_PAUSE = 600, 20.0  # connections, seconds; an address may have 500
LONG_RUN = {"setting_epochs": 40, "setting_limit": 300, "setting_seed": 7, "setting_dropout": 0.1}
SHORT_RUNS: tuple[tuple[str, dict[str, float]], ...] = (
    ("full", {"setting_epochs": 8, "setting_limit": 300, "setting_seed": 1}),
    ("gradual", {"setting_epochs": 6, "setting_limit": 400, "setting_seed": 2}),
    ("last-layer", {"setting_epochs": 10, "setting_limit": 800, "setting_seed": 3}),
    ("full", {"setting_epochs": 2, "setting_limit": 1500, "setting_dropout": 0.2}),
)
MARKUP = ("<script>alert(1)</script>", "**bold** $x^2$ :red[no] [a](b)", "'; drop table runs; --")
UNICODE = ("\u202eright to left\u0000", "Ünïcödé 映画 🎬")
TEXTS = ("A warm, funny film.", "", "   ", *MARKUP, *UNICODE, "a" * 5_000, "not " * 3_000)
UNKNOWN_RUNS = ("", "../../etc/passwd", "%00", "<b>x</b>&run=y", "9" * 3_000)
INVALID_QUERIES = [f"run={run_id}" for run_id in UNKNOWN_RUNS]
INVALID_QUERIES += ["runs=,,,", "runs=" + "x," * 500, "models=none,none", "experiment=0"]
INVALID_QUERIES += ["model=%ff%fe", "%", "=&=&"]


@dataclass
class SharedServer:
    """One of the servers, as its visitors see it."""

    address: str
    up: threading.Event = field(default_factory=threading.Event)
    ends: int = 0  # how often it was ended
    started: float = 0.0  # when it was started last
    answers: list[tuple[float, float]] = field(default_factory=list)  # seconds, age of the server

    def visitor(self) -> Visitor:
        return Visitor(self.address, self._record_answer)

    def _record_answer(self, seconds: float) -> None:
        self.answers.append((seconds, time.monotonic() - self.started))


@dataclass
class SoakState:
    """What all visitors share: servers, runs, and what they did and met."""

    seed: int
    run_ids: set[str] = field(default_factory=set)  # that visitors started and did not discard
    deleted: set[str] = field(default_factory=set)  # runs whose checkpoint a visitor deleted
    over: threading.Event = field(default_factory=threading.Event)
    statuses: dict[str, str] = field(default_factory=dict)  # of all runs, a moment ago
    interruptions: Counter[str] = field(default_factory=Counter)  # by run
    long_run: str = ""  # the run that no visitor may end
    actions: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    def attempt(self, server: SharedServer, name: str, action: Callable[[], None]) -> bool:
        """Act once the server is up and note the outcome; a failure is expected while it is ended."""
        ends = server.ends
        if not server.up.wait(TIMEOUT) or self.over.is_set():
            return False
        try:
            action()
            self.actions[name] += 1
        except WidgetNotFound:
            self.actions["found nothing to press"] += 1
        except Exception as error:
            disconnected = isinstance(error, OSError | WebSocketException)
            if disconnected and server.ends != ends:
                self.actions["cut short by an end of the server"] += 1
            else:
                self.errors.append(f"{name}: {type(error).__name__}: {error}"[:400])
            return False
        return True

    def pick_run(self, draw: random.Random, *statuses: str, may_end: bool = False) -> str:
        """A run in one of these states, with `may_end` never the long one. Raises WidgetNotFound."""
        spared = self.long_run if may_end else ""
        items = self.statuses.items()
        return _choice(draw, [run for run, status in items if status in statuses and run != spared])


def _choice(draw: random.Random, names: list[str]) -> str:
    if not names:
        raise WidgetNotFound
    return draw.choice(names)


def start_run(
    visitor: Visitor, state: SoakState, mode: str, settings: dict[str, float], name: str
) -> str:
    """Start a run with the form of the page that is open; its id."""
    visitor.fill(setting_mode=mode_title(mode))
    visitor.fill(train_more=True)
    visitor.fill(**settings, setting_name=name)
    try:
        visitor.press("Start")
    finally:  # also if the server was killed right after its answer
        if run_id := visitor.parameter("run"):
            state.run_ids.add(run_id)
    if not run_id:
        raise RuntimeError(f"Start did not start: {visitor.errors}")
    return run_id


def poll_statuses(state: SoakState) -> None:
    """Read how the runs stand, again and again, and count their interruptions."""
    while not state.over.wait(0.5):
        before, state.statuses = state.statuses, run_audit.statuses()
        state.interruptions.update(
            run
            for run, status in state.statuses.items()
            if status == "interrupted" and before.get(run) in LIVE
        )


def change_a_parent(state: SoakState, parent: ChangingParent) -> None:
    """Replace the weights of a checkpoint that runs start from, while they train or wait."""
    for version in itertools.cycle(changing_parent.VERSIONS):
        parent.put(version)
        state.actions["change a parent"] += 1
        if state.over.wait(CHANGE_PAUSE):
            break


def open_half_requests(state: SoakState, server: ServerProcess) -> None:
    """Open more connections than the server serves at once, and complete no request on them."""
    while not state.over.wait(HALF_OPEN_PAUSE):
        with contextlib.suppress(OSError), half_open.connections(server.port, HALF_OPEN):
            state.actions["open half requests"] += HALF_OPEN
            state.over.wait(HALF_OPEN_PAUSE)


def keep_long_run_going(state: SoakState, server: SharedServer) -> None:
    """Start the same long run, resume it after each interruption, start it again when it has ended."""
    visitor = server.visitor()

    def look_after() -> None:
        if not state.long_run:
            visitor.open("train")
            state.long_run = start_run(visitor, state, "full", LONG_RUN, "long")
            return
        visitor.open("train", f"run={state.long_run}")
        if visitor.names("resume"):
            visitor.press("resume")
        elif visitor.names("again"):
            state.long_run = ""
        for _ in range(4):
            state.over.wait(1.0)
            visitor.tick()

    while not state.over.wait(0.5):
        if not state.attempt(server, "look after the long run", look_after):
            visitor.close()
    visitor.close()


class RandomVisitor:
    """A visitor that picks one of ACTIONS again and again; its choices follow from the seed."""

    def __init__(self, state: SoakState, server: SharedServer, number: int) -> None:
        self.state, self.server = state, server
        self.draw = random.Random(f"{state.seed}/{number}")
        self.tab = server.visitor()

    def act_until_over(self) -> None:
        while not self.state.over.wait(self.draw.uniform(0.1, 2.0)):
            [act] = self.draw.choices(list(ACTIONS), list(ACTIONS.values()))
            name = act.__name__.replace("_", " ")
            if not self.state.attempt(self.server, name, partial(act, self)):
                self.tab.close()
        self.tab.close()

    def look(self) -> None:
        self.tab.open(self.draw.choice(PAGES))
        self.tab.tick()

    def watch(self) -> None:
        self.open_run(*LIVE)
        for _ in range(self.draw.randrange(2, 8)):
            self.state.over.wait(1.0)
            self.tab.tick()

    def start(self) -> None:
        self.refuse_many()
        self.tab.open("train")
        self.fill_and_start()

    def start_from_a_checkpoint(self) -> None:
        self.refuse_many()
        self.tab.open("checkpoints")
        runs = self.tab.names("tune-")
        self.tab.press(self.draw.choice([f"tune-{changing_parent.REF}", _choice(self.draw, runs)]))
        self.fill_and_start()

    def refuse_many(self) -> None:
        live = [r for r in self.state.run_ids.copy() if self.state.statuses.get(r) not in ENDED]
        if len(live) >= MOST_LIVE:
            raise WidgetNotFound

    def fill_and_start(self) -> None:
        mode, settings = self.draw.choice(SHORT_RUNS)
        start_run(self.tab, self.state, mode, settings, self.draw.choice(TEXTS)[:100])

    def pause(self) -> None:
        self.open_run("running")
        self.tab.press("pause")

    def resume(self) -> None:
        self.open_run(*RESUMABLE)
        self.tab.press("resume")

    def stop_and_keep(self) -> None:
        self.open_run("running", *RESUMABLE, may_end=True)
        self.tab.press("keep" if self.tab.names("keep") else "stop_keep")

    def discard(self) -> None:
        run_id = self.open_run("running", *RESUMABLE, may_end=True)
        [button, *_] = self.tab.names("discard") or ["discard"]
        self.tab.find(button)
        self.state.run_ids.discard(run_id)
        self.tab.press(button)

    def delete_a_checkpoint(self) -> None:
        self.tab.open("checkpoints")
        kept = {f"delete-{ref}" for ref in (changing_parent.REF, self.state.long_run)}
        button = _choice(self.draw, sorted({*self.tab.names("delete-")} - kept))
        self.tab.press(button)
        [confirm, *_] = self.tab.names("End and delete") or ["Delete"]
        self.tab.find(confirm)
        self.state.deleted.add(button.removeprefix("delete-"))
        self.tab.press(confirm)

    def move_in_the_queue(self) -> None:
        self.tab.open("runs")
        buttons = self.tab.names("Earlier_") + self.tab.names("Later_")
        self.tab.press(_choice(self.draw, buttons))

    def take_off_the_queue(self) -> None:
        self.tab.open("runs")
        buttons = {*self.tab.names("off_")} - {f"off_{self.state.long_run}"}
        self.tab.press(_choice(self.draw, sorted(buttons)))

    def predict(self) -> None:
        self.tab.open("predict", f"models={','.join(['sentiment', *self.pick_runs(2)])}")
        self.tab.fill(predict_text=self.draw.choice(TEXTS))

    def compare(self) -> None:
        page = self.draw.choice(("compare", "runs"))
        self.tab.open(page, f"runs={','.join(self.pick_runs(3))}")
        self.tab.tick()

    def refresh(self) -> None:
        self.tab.open(self.tab.page, self.tab.query)

    def lose_the_network(self) -> None:
        self.tab.close()
        self.state.over.wait(self.draw.uniform(0.1, 3.0))
        self.tab.reconnect()

    def open_an_invalid_address(self) -> None:
        self.tab.open(self.draw.choice((*PAGES, "nowhere")), self.draw.choice(INVALID_QUERIES))

    def open_run(self, *statuses: str, may_end: bool = False) -> str:
        run_id = self.state.pick_run(self.draw, *statuses, may_end=may_end)
        self.tab.open("train", f"run={run_id}")
        return run_id

    def pick_runs(self, most: int) -> list[str]:
        runs = list(self.state.statuses)
        return self.draw.sample(runs, min(most, len(runs)))


ACTIONS: dict[Callable[[RandomVisitor], None], int] = {  # with their weights
    RandomVisitor.look: 16,
    RandomVisitor.watch: 16,
    RandomVisitor.start: 8,
    RandomVisitor.start_from_a_checkpoint: 8,
    RandomVisitor.delete_a_checkpoint: 2,
    RandomVisitor.pause: 6,
    RandomVisitor.resume: 12,
    RandomVisitor.stop_and_keep: 3,
    RandomVisitor.discard: 3,
    RandomVisitor.move_in_the_queue: 6,
    RandomVisitor.take_off_the_queue: 1,
    RandomVisitor.predict: 10,
    RandomVisitor.compare: 6,
    RandomVisitor.refresh: 6,
    RandomVisitor.lose_the_network: 8,
    RandomVisitor.open_an_invalid_address: 6,
}
