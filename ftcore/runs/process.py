"""One process of a run on several devices, started by `ftcore.runs.processes`.

python -m ftcore.runs.process CONNECTION
"""

import logging
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection

import torch

from ftcore.config import FineTuneConfig
from ftcore.errors import user_message
from ftcore.events import Finished, Task
from ftcore.runs import train
from ftcore.runs.processes import Assignment
from ftcore.training import distributed

_KNOWN = ("builtins", "ftcore.errors")  # modules whose errors are sent as they are
log = logging.getLogger(__name__)


class _Requests:
    """What the starting process asks; this one ends at once when that is gone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.begin = threading.Event()
        self.end: type[Exception] | None = None
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        try:
            while True:
                self.end = self._connection.recv()
                self.begin.set()
        except (EOFError, OSError):
            os._exit(1)


def main(connection: Connection) -> None:
    """Train as assigned; send the events of the first process, and None or the error that ended it."""
    for number in (signal.SIGINT, signal.SIGTERM):  # the starting process decides
        signal.signal(number, signal.SIG_IGN)
    assignment: Assignment = connection.recv()
    first = assignment.membership.rank == 0
    torch.set_num_threads(assignment.threads)
    config = FineTuneConfig.from_dict(assignment.config)
    distributed.assign(assignment.membership, config.device)
    requests = _Requests(connection)
    if not first:
        requests.begin.wait()  # until the first process has prepared the run
    try:
        task = train.train(config, assignment.output, assignment.ref, resume=True)
        for event in _until_asked(task, requests):
            if first:
                connection.send(event)
        connection.send(None)
    except Exception as error:
        if not user_message(error):
            log.error("A process of a run failed", exc_info=error)
        connection.send(error if type(error).__module__ in _KNOWN else _described(error))


def _until_asked(task: Task[None], requests: _Requests) -> Task[None]:
    for event in task:
        yield event
        if requests.end and not isinstance(event, Finished):
            yield task.throw(requests.end)
            yield from task
            return


def _described(error: Exception) -> Exception:
    """An error of another package, which the other side might not be able to read."""
    return RuntimeError(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR, format="%(message)s")
    main(Connection(int(sys.argv[1])))
