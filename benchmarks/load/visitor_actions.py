"""Visitors of a soak, each in a thread of its own, who act at random while runs train."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from websockets.exceptions import WebSocketException

from benchmarks.load.run_audit import ENDED, LIVE, RESUMABLE
from benchmarks.load.simulated_visitor import TIMEOUT, Visitor, WidgetNotFound
from ftcore.config import mode_title

PAGES = ("", "train", "compare", "predict", "runs", "checkpoints", "data")
MOST_LIVE = 8  # runs that have not ended; no visitor starts more
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
class SoakState:
    """What all visitors share: the server's address and state, and what they did and met."""

    address: str
    seed: int
    run_ids: set[str] = field(default_factory=set)  # that visitors started and did not discard
    up: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    ends: int = 0  # how often the server was ended
    started: float = 0.0  # when the server was started last
    statuses: dict[str, str] = field(default_factory=dict)  # of all runs, a moment ago
    ran: set[str] = field(default_factory=set)  # runs that were live since the server's last start
    long_run: str = ""  # the run that no visitor may end
    actions: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    answers: list[tuple[float, float]] = field(default_factory=list)  # seconds, age of the server

    def record_answer(self, seconds: float) -> None:
        self.answers.append((seconds, time.monotonic() - self.started))

    def attempt(self, name: str, action: Callable[[], None]) -> bool:
        """Act once the server is up and note the outcome; a failure is expected while it is ended."""
        ends = self.ends
        if not self.up.wait(TIMEOUT) or self.over.is_set():
            return False
        try:
            action()
            self.actions[name] += 1
        except WidgetNotFound:
            self.actions["found nothing to press"] += 1
        except Exception as error:
            disconnected = isinstance(error, OSError | WebSocketException)
            if disconnected and self.ends != ends:
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
    """Start a run with the page's form; its id."""
    visitor.open("train")
    visitor.fill(setting_mode=mode_title(mode))
    visitor.fill(**settings, setting_name=name)
    try:
        visitor.press("Start")
    finally:  # also if the server was killed right after its answer
        if run_id := visitor.parameter("run"):
            state.run_ids.add(run_id)
    if not run_id:
        raise RuntimeError(f"Start did not start: {visitor.errors}")
    return run_id


def keep_long_run_going(state: SoakState) -> None:
    """Start the same long run, resume it after each interruption, start it again when it has ended."""
    visitor = Visitor(state.address, state.record_answer)

    def look_after() -> None:
        if not state.long_run:
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
        if not state.attempt("look after the long run", look_after):
            visitor.close()
    visitor.close()


class RandomVisitor:
    """A visitor that picks one of ACTIONS again and again; its choices follow from the seed."""

    def __init__(self, state: SoakState, number: int) -> None:
        self.state = state
        self.draw = random.Random(f"{state.seed}/{number}")
        self.tab = Visitor(state.address, state.record_answer)

    def act_until_over(self) -> None:
        while not self.state.over.wait(self.draw.uniform(0.1, 2.0)):
            [act] = self.draw.choices(list(ACTIONS), list(ACTIONS.values()))
            if not self.state.attempt(act.__name__.replace("_", " "), partial(act, self)):
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
        live = [r for r in self.state.run_ids.copy() if self.state.statuses.get(r) not in ENDED]
        if len(live) >= MOST_LIVE:
            raise WidgetNotFound
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
    RandomVisitor.start: 12,
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
