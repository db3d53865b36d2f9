"""What visitors do at random while runs train, each in a thread of its own."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from playwright.sync_api import Error as BrowserError, Page, sync_playwright
from websockets.exceptions import WebSocketException

from benchmarks.harness import picture
from benchmarks.load.ledger import ENDED, LIVE, RESTING, Ledger
from benchmarks.load.visitor import PATIENCE, NotThere, Visitor
from ftcore.config import mode_title

PAGES = ("", "train", "compare", "predict", "runs", "checkpoints", "data")
BACKLOG = 8  # runs that are not over; then nobody starts another
STEADY = {"setting_epochs": 40, "setting_limit": 300, "setting_seed": 7, "setting_dropout": 0.1}
RECIPES: tuple[tuple[str, dict[str, float]], ...] = (
    ("full", {"setting_epochs": 8, "setting_limit": 300, "setting_seed": 1}),
    ("gradual", {"setting_epochs": 6, "setting_limit": 400, "setting_seed": 2}),
    ("last-layer", {"setting_epochs": 10, "setting_limit": 800, "setting_seed": 3}),
    ("full", {"setting_epochs": 2, "setting_limit": 1500, "setting_dropout": 0.2}),
)
TEXTS = (
    "A warm, funny film.",
    "",
    "   ",
    "<script>alert(1)</script>",
    "**bold** $x^2$ :red[no] [a](b)",
    "a" * 5_000,
    "not " * 3_000,
    "\u202eright to left\u0000",
    "Ünïcödé 映画 🎬",
    "'; drop table runs; --",
)
JUNK = (
    "run=",
    "run=../../etc/passwd",
    "run=%00",
    "run=<b>x</b>&run=y",
    "runs=,,,",
    "models=none,none",
    "experiment=0",
    "model=%ff%fe",
    "runs=" + "x," * 500,
    "%",
    "=&=&",
    "run=" + "9" * 3_000,
)
WRONG = (
    {"setting_epochs": -5},
    {"setting_epochs": 10**9},
    {"setting_learning_rate": -1.0},
    {"setting_limit": 10**12},
    {"setting_device": "toaster"},
    {"setting_groups": "<b>"},
    {"setting_watch": "\n".join(TEXTS)},
)


@dataclass
class World:
    """What all visitors share: the server's address and life, what they did, and what they met."""

    address: str
    seed: int
    ledger: Ledger = field(default_factory=Ledger)
    up: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    life: int = 0  # one more each time that the server is taken away
    since: float = 0.0  # when this life began
    statuses: dict[str, str] = field(default_factory=dict)  # of all runs, a moment ago
    steady: str = ""  # the run that nobody may end
    acted: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    answers: list[tuple[float, float, str]] = field(default_factory=list)

    def timed(self, page: str, seconds: float) -> None:
        """Keep how long an answer took, and how old the server was."""
        self.answers.append((seconds, time.monotonic() - self.since, page))

    def some(self, draw: random.Random, *wanted: str, spare: bool = False) -> str:
        """A run in one of these states. Raises NotThere."""
        found = [one for one, status in self.statuses.items() if status in wanted]
        if spare and self.steady in found:
            found.remove(self.steady)
        if not found:
            raise NotThere("a run that is " + " or ".join(wanted))
        return draw.choice(found)

    def attempt(self, name: str, action: Callable[[], None]) -> bool:
        """Act once the server is up; what fails while it is taken away is nobody's fault."""
        life = self.life
        if not self.up.wait(PATIENCE) or self.over.is_set():
            return False
        try:
            action()
            self.acted[name] += 1
        except NotThere:
            self.acted["found nothing to press"] += 1
        except Exception as error:
            broken = isinstance(error, (OSError, WebSocketException, BrowserError))
            if broken and self.life != life:
                self.acted["cut short by an end of the server"] += 1
            else:
                self.errors.append(f"{name}: {type(error).__name__}: {error}"[:400])
            return False
        return True


def wander(world: World, number: int) -> None:
    """One visitor, until it is over."""
    draw = random.Random(f"{world.seed}/{number}")
    visitor = Visitor(world.address, world.timed)
    names, weights = list(ACTIONS), [weight for weight, _ in ACTIONS.values()]
    while not world.over.wait(draw.uniform(0.1, 2.0)):
        [name] = draw.choices(names, weights)
        if not world.attempt(name, partial(ACTIONS[name][1], visitor, world, draw)):
            visitor.close()
    visitor.close()


def care(world: World) -> None:
    """The visitor who sees to it that the same long run begins, goes on after every end, begins again."""
    visitor = Visitor(world.address, world.timed)

    def look_after() -> None:
        if not world.steady:
            world.steady = begin(visitor, world, "full", STEADY, "steady")
            return
        visitor.open("train", f"run={world.steady}")
        if visitor.names("resume"):
            visitor.press("resume")
        elif visitor.names("again"):
            world.steady = ""
        for _ in range(4):
            world.over.wait(1.0)
            visitor.tick()

    while not world.over.wait(0.5):
        if not world.attempt("see to the long run", look_after):
            visitor.close()
    visitor.close()


def begin(visitor: Visitor, world: World, mode: str, settings: dict[str, float], name: str) -> str:
    """Start a run with the page's form, and return its id."""
    visitor.open("train")
    visitor.fill(setting_mode=mode_title(mode))
    visitor.fill(**settings, setting_name=name)
    try:
        visitor.press("Start")
    finally:  # also where the server was killed just behind its answer
        if run_id := visitor.parameter("run"):
            world.ledger.start(run_id)
    if not run_id:
        raise RuntimeError(f"Start did not start: {visitor.errors}")
    return run_id


def _look(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open(draw.choice(PAGES))
    visitor.tick()


def _watch(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open("train", f"run={world.some(draw, *LIVE)}")
    for _ in range(draw.randrange(2, 8)):
        world.over.wait(1.0)
        visitor.tick()


def _start(visitor: Visitor, world: World, draw: random.Random) -> None:
    known = world.ledger.started - world.ledger.discarded
    over = [one for one in known if world.statuses.get(one) in ENDED]
    if len(known) - len(over) >= BACKLOG:
        raise NotThere("room for another run")
    mode, settings = draw.choice(RECIPES)
    begin(visitor, world, mode, settings, draw.choice(TEXTS)[:100])


def _pause(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open("train", f"run={world.some(draw, 'running')}")
    visitor.press("pause")


def _resume(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open("train", f"run={world.some(draw, *RESTING)}")
    visitor.press("resume")


def _keep(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open("train", f"run={world.some(draw, 'running', *RESTING, spare=True)}")
    visitor.press("keep" if visitor.names("keep") else "stop_keep")


def _discard(visitor: Visitor, world: World, draw: random.Random) -> None:
    run_id = world.some(draw, "running", *RESTING, spare=True)
    visitor.open("train", f"run={run_id}")
    [button, *_] = visitor.names("discard") or ["discard"]
    visitor.find(button)
    world.ledger.discard(run_id)
    visitor.press(button)


def _move(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open("runs")
    steps = visitor.names("Earlier_") + visitor.names("Later_")
    visitor.press(draw.choice(steps or ["Earlier"]))


def _take_off(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open("runs")
    offered = [name for name in visitor.names("off_") if name != f"off_{world.steady}"]
    visitor.press(draw.choice(offered or ["Take off"]))


def _predict(visitor: Visitor, world: World, draw: random.Random) -> None:
    models = draw.sample(list(world.statuses), min(2, len(world.statuses)))
    visitor.open("predict", f"models={','.join(['sentiment', *models])}")
    visitor.fill(predict_text=draw.choice(TEXTS))
    visitor.tick()


def _compare(visitor: Visitor, world: World, draw: random.Random) -> None:
    runs = draw.sample(list(world.statuses), min(3, len(world.statuses)))
    visitor.open(draw.choice(("compare", "runs")), f"runs={','.join(runs)}")
    visitor.tick()


def _refresh(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open(visitor.page, visitor.query)


def _lose_network(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.close()
    world.over.wait(draw.uniform(0.1, 3.0))
    visitor.reconnect()


def _close(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.close()
    world.over.wait(draw.uniform(1.0, 5.0))


def _junk(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open(draw.choice((*PAGES, "nowhere")), draw.choice(JUNK))


def _mistype(visitor: Visitor, world: World, draw: random.Random) -> None:
    visitor.open("train")
    visitor.fill(**draw.choice(WRONG))


ACTIONS: dict[str, tuple[int, Callable[[Visitor, World, random.Random], Any]]] = {
    "open a page": (16, _look),
    "watch a run": (16, _watch),
    "start a run": (12, _start),
    "pause": (6, _pause),
    "resume": (12, _resume),
    "stop and keep": (3, _keep),
    "discard": (3, _discard),
    "move in the queue": (6, _move),
    "take off the queue": (1, _take_off),
    "type into Predict": (10, _predict),
    "compare runs": (6, _compare),
    "refresh": (6, _refresh),
    "lose the network": (4, _lose_network),
    "close": (4, _close),
    "open an address with junk": (6, _junk),
    "type what is not allowed": (4, _mistype),
}


def browse(world: World) -> None:
    """The visitor with a real browser, one tab at a time, which comes back by itself when it can."""
    draw = random.Random(f"{world.seed}/browser")
    with sync_playwright() as playwright:
        browser = picture.launch(playwright)
        page = _tab(world, browser.new_page())
        while not world.over.wait(draw.uniform(0.1, 1.5)):
            if draw.random() < 0.15:
                page.close()
                page = _tab(world, browser.new_page())
            world.attempt("act in the browser", partial(_act, page, world, draw))
        browser.close()


def _tab(world: World, page: Page) -> Page:
    page.set_default_timeout(PATIENCE * 1000)
    page.on("pageerror", lambda error: world.errors.append(f"in the browser: {error}"[:400]))
    return page


def _act(page: Page, world: World, draw: random.Random) -> None:
    kind = draw.choice(("page", "run", "run", "predict", "reload", "junk"))
    if kind == "run":
        page.goto(f"{world.address}/train?run={world.some(draw, *LIVE, *RESTING)}")
        page.get_by_role("button", name="New run").wait_for()
        button = page.get_by_role("button", name=draw.choice(("Pause", "Resume")), exact=True)
        if button.is_visible():
            button.click(timeout=5_000)
        page.wait_for_timeout(draw.uniform(500, 4_000))
    elif kind == "predict":
        page.goto(f"{world.address}/predict")
        page.get_by_label("Text", exact=True).fill(draw.choice(TEXTS))
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(500)
    elif kind == "reload" and page.url.startswith(world.address):
        page.reload()
    else:
        query = f"?{draw.choice(JUNK)}" if kind == "junk" else ""
        page.goto(f"{world.address}/{draw.choice(PAGES)}{query}")
        page.get_by_role("heading", level=1).first.wait_for()
    if page.get_by_text("Something unexpected went wrong").count() or (
        page.get_by_test_id("stException").count()
    ):
        world.errors.append(f"in the browser: an unexpected error at {page.url}")
