"""The Ray driver: takes what waits in the record and executes each run as a Ray task.

`python -m ftcore.runs.ray_driver` is a process of its own (see `supervisor`), since Ray ends a driver
when its cluster is gone. It keeps no state: the record says what runs and what waits, so a new one goes on.
"""

import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from ftcore import __version__, tracking
from ftcore.errors import UnfreezeError
from ftcore.events import Finished
from ftcore.runs import placement, queue_order, remote
from ftcore.runs.placement import Needs, Node
from ftcore.runs.queue_order import Limits
from ftcore.storage import shared
from ftcore.tracking.address import is_home_database

STEP_SECONDS = 1.0
SIGN_SECONDS = 5.0
CONNECT_SECONDS = 15.0  # to Ray, until that is told
IDLE_SECONDS = 60.0  # without a run, until a driver that was started for some runs ends
RETRY_SECONDS = 10.0  # until a run is tried again on a node on which it could not begin
SILENCE_SECONDS = 60.0  # Ray needs as long to notice that a node is cut off
MAX_LOSSES = 5  # of the process of a run, until it is not continued by itself
END_SECONDS = 30.0  # for runs to end their step
OBJECT_STORE = 80_000_000  # bytes; runs exchange nothing through it
log = logging.getLogger(__name__)


@dataclass
class Task:
    """A run that Ray executes, where, and with what."""

    run: tracking.Run
    node: Node
    needs: Needs
    lost: bool = False
    """Whether the run goes on elsewhere, as its process does not answer; it still takes room here."""


class Driver:
    """Starts runs as Ray tasks and lets lost ones go on."""

    def __init__(self, ray: Any, limits: Limits) -> None:
        self._ray, self._limits = ray, limits
        # A process of its own for each run, so that nothing of the one before stays in memory.
        self._execute = ray.remote(max_retries=0, max_calls=1)(remote.execute_here)
        self._tasks: dict[Any, Task] = {}  # by Ray's reference
        self._turns: dict[str, float] = {}  # when each person last began a run
        self._silent: dict[str, float] = {}  # until when nothing is given to a node, by its id
        self._refused: dict[tuple[str, str], float] = {}  # until when, by ids of run and node
        self.problem = ""

    def step(self) -> bool:
        """Do what there is to do; return whether a run waits or runs."""
        self._collect()
        self._queue_lost_runs()
        waiting = tracking.waiting(elsewhere=shared.is_used())
        self._start(waiting)
        return bool(waiting or self._tasks)

    def interrupt(self) -> None:
        """Ask the runs to end so that they can be resumed, and wait for that."""
        for task in self._tasks.values():
            tracking.request_end(task.run.run_id, "interrupt")
        self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=END_SECONDS)

    def _collect(self) -> None:
        """Forget the tasks that have ended; record why a run did not begin."""
        if not self._tasks:
            return
        ended, _ = self._ray.wait(list(self._tasks), num_returns=len(self._tasks), timeout=0)
        for reference in ended:
            task = self._tasks.pop(reference)
            run_id, host = task.run.run_id, task.node.host
            try:
                trouble = self._ray.get(reference)
            except self._ray.exceptions.RayTaskError as error:
                log.error("run %s", run_id, exc_info=error)
                trouble = f"{host}: {error.cause}"
            except self._ray.exceptions.RayError as error:  # its process or its node is gone
                log.warning("run %s: %s", run_id, error)
                trouble = f"{host} could not execute it ({type(error).__name__})."
            if trouble and not task.lost and tracking.run(run_id).status == "queued":
                tracking.say(run_id, trouble)
                self._refused[run_id, task.node.node_id] = time.monotonic() + RETRY_SECONDS

    def _queue_lost_runs(self) -> None:
        """Let the runs whose process is gone go on, before all that waits."""
        for lost in tracking.lost():
            try:
                claim = tracking.claim(lost.run_id)
            except UnfreezeError:  # it lives, or another supervisor does this
                continue
            try:
                if tracking.run(lost.run_id).status != "running":  # as it reads while it is claimed
                    continue
                if lost.losses >= MAX_LOSSES:
                    message = (
                        f"Its process was lost {lost.losses + 1} times, as when memory runs out; see the "
                        "log of Ray. The run can be resumed."
                    )
                    tracking.finish(lost.run_id, Finished("interrupted", message))
                    continue
                message = f"Its process on {lost.node} is gone; the run goes on from its snapshot."
                first = min(
                    [time.time(), *(run.place - 1 for run in tracking.waiting(elsewhere=True))]
                )
                tracking.enqueue(lost.run_id, first, message, lost.losses + 1)
                self._give_up(lost.run_id)
            finally:
                claim.release()

    def _give_up(self, run_id: str) -> None:
        """Let a run start anew, although Ray has not noticed that its process does not answer."""
        for reference, task in self._tasks.items():
            if task.run.run_id == run_id:
                task.lost = True
                self._silent[task.node.node_id] = time.monotonic() + SILENCE_SECONDS
                self._ray.cancel(reference, force=True)

    def _start(self, waiting: list[tracking.Run]) -> None:
        """Start what there is room for. A run that must wait for a node keeps later ones off it."""
        nodes, now = self._nodes(), time.monotonic()
        answering = [node for node in nodes if self._silent.get(node.node_id, now) <= now]
        free = [
            node.without(
                task.needs for task in self._tasks.values() if task.node.node_id == node.node_id
            )
            for node in nodes
        ]
        self._refused = {pair: until for pair, until in self._refused.items() if now < until}
        running = {task.run.run_id: task.run for task in self._tasks.values() if not task.lost}
        ready = [run for run in waiting if run.run_id not in running]
        for run in queue_order.order(ready, running.values(), self._turns, self._limits):
            if not self._limits.allow(running.values(), run.person):
                continue
            needs, able = _able(run, answering)
            if not able:
                needs, able = _able(run, nodes)
            if not able and nodes:
                self._say(
                    run, f"It needs {needs} on one node, and no node has them; it waits for one."
                )
            able = {node_id for node_id in able if (run.run_id, node_id) not in self._refused}
            node = placement.choose(needs, [node for node in free if node.node_id in able])
            if node is not None:
                self._hand(run, node, needs)
                running[run.run_id] = run
                free = [each.without([needs]) if each == node else each for each in free]
            else:
                free = [node for node in free if node.node_id not in able]

    def _hand(self, run: tracking.Run, node: Node, needs: Needs) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        at = NodeAffinitySchedulingStrategy(node.node_id, soft=False)
        options = {"num_cpus": needs.threads, "num_gpus": needs.gpus, "scheduling_strategy": at}
        reference = self._execute.options(**options).remote(
            run.run_id, node.node_id, needs.threads, needs.gpus, __version__
        )
        self._tasks[reference] = Task(run, node, needs)
        self._turns[run.person] = time.monotonic()

    def _say(self, run: tracking.Run, message: str) -> None:
        if run.message != message:
            tracking.say(run.run_id, message)

    def _nodes(self) -> list[Node]:
        """The live nodes; those of other machines only if the record is shared with them."""
        alive = [
            Node(
                node["NodeID"],
                node["NodeManagerHostname"],
                node["Resources"].get("CPU", 0.0),
                node["Resources"].get("GPU", 0.0),
            )
            for node in self._ray.nodes()
            if node["Alive"]
        ]
        ours = [node for node in alive if node.host == socket.gethostname()]
        if is_home_database() and len(ours) < len(alive):
            self.problem = (
                "Other machines of the cluster execute no run, as they do not see the record: set "
                "MLFLOW_TRACKING_URI to one that all share (docs/machines.md)."
            )
            return ours
        self.problem = "" if alive else "The Ray cluster has no node that is alive."
        return alive


def _able(run: tracking.Run, nodes: list[Node]) -> tuple[Needs, set[str]]:
    """What a run would reserve on one of these nodes, and the ids of those that have it."""
    before = str(run.facts.get("threads", "0")).partition(",")[0]
    needs = placement.needs(run.config, int(before), nodes)
    return needs, {node.node_id for node in nodes if needs.fit(node)}


def connect() -> Any:
    """Connect to RAY_ADDRESS, or start a cluster on this machine alone; return the module `ray`.

    Raises UnfreezeError if that fails.
    """
    # Anyone who reaches Ray's ports may run code (CVE-2023-48022) unless a token is asked for.
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    address = os.environ.get("RAY_ADDRESS")
    options: dict[str, Any] = {"namespace": "unfreeze", "log_to_driver": False}
    options |= {"logging_level": "warning"}
    if not address:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        # The one switch by which Ray listens on 127.0.0.1 alone; read when it is imported.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
    import ray

    try:
        ray.init(address=address or "local", **options)
    except Exception as error:
        log.error("Ray", exc_info=error)
        where = f"The Ray cluster at RAY_ADDRESS ({address})" if address else "Ray on this machine"
        raise UnfreezeError(f"{where} {_refusal(error)}") from None
    return ray


def _refusal(error: Exception) -> str:
    """Why Ray cannot be used, and the way out: Ray's own words, unless they hide what is wrong."""
    text = " ".join(str(error).split())
    if "no authentication token" in text:
        return "asks for its token: set RAY_AUTH_TOKEN_PATH to the file that holds it (docs/machines.md)."
    if isinstance(error, ConnectionError):
        return (
            f"does not let us in ({text}): start the worker on one of its machines, with its token "
            "(docs/machines.md)."
        )
    return f"cannot be used: {text[:400]}"


def main(until_idle: bool) -> int:
    """Execute runs until a signal, until idle if asked for, or until our parent is gone."""
    before = ""
    with contextlib.suppress(UnfreezeError):
        before = tracking.supervision().problem
    sign = _Sign(before)
    ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    parent = os.getppid()
    try:
        driver = Driver(connect(), Limits.of_environment())
    except UnfreezeError as error:
        sign.give(str(error))
        return 1
    sign.connected = True
    idle_since = time.monotonic()
    while not ending.wait(STEP_SECONDS):
        if os.getppid() != parent:  # a new supervisor will start a driver of its own
            os._exit(1)
        try:
            if driver.step():
                idle_since = time.monotonic()
        except UnfreezeError as error:  # the record is away
            log.warning("%s", error)
        sign.problem = driver.problem
        if until_idle and time.monotonic() - idle_since > IDLE_SECONDS:
            break
    driver.interrupt()
    sign.off()
    return 0


class _Sign:
    """Gives signs of life from a thread, also while Ray connects."""

    def __init__(self, problem: str) -> None:
        self.problem, self.connected = problem, False
        self._began = time.monotonic()
        self._closed = threading.Event()
        threading.Thread(target=self._keep, name="sign of life", daemon=True).start()

    def give(self, problem: str) -> None:
        self.problem = problem
        self._closed.set()
        tracking.sign_of_life(problem)

    def off(self) -> None:
        self._closed.set()
        tracking.sign_off()

    def _keep(self) -> None:
        while True:
            if not self.connected and time.monotonic() - self._began > CONNECT_SECONDS:
                self.problem = (
                    self.problem or "Ray does not answer the worker yet, which keeps trying."
                )
            try:
                tracking.sign_of_life(self.problem)
            except UnfreezeError as error:
                log.warning("%s", error)
            if self._closed.wait(SIGN_SECONDS):
                return


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    sys.exit(main("--until-idle" in sys.argv))
