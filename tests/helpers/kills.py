"""Kills a process in the middle of what it does on disk."""

import os
import signal
import sys
from collections.abc import Callable, Iterator

STEPS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate", "os.utime")


def kill_at(step: int, action: Callable[[], None]) -> bool:
    """Act in a child process that is killed before a step on disk; returns whether it got that far.

    The action must not compute with torch: if this process has, a child waits for ever for its threads.
    """
    if not (child := os.fork()):
        left = step

        def count(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            if event in STEPS:
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        action()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def kill_at_each_step(prepare: Callable[[], object], action: Callable[[], None]) -> Iterator[bool]:
    """Prepare, act, and yield whether the action was killed, one step later each time."""
    killed, step = True, 0
    while killed:
        prepare()
        killed = kill_at(step, action)
        assert killed or step > 3
        yield killed
        step += 1
