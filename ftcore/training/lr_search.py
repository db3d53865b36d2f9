"""The result of a search for a learning rate, and the search in a process of its own; needs no torch."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from ftcore import paths
from ftcore.config import FineTuneConfig
from ftcore.errors import UnfreezeError
from ftcore.events import Progress, Task
from ftcore.relevance import relevant_settings

# Settings that a search does not use.
UNUSED = (
    "learning_rate",
    "schedule",
    "minutes",
    "devices",
    "steps",
    "evaluations",
    "best_by",
    "read_length",
    "test_limit",
    "watch",
    "keep_model",
    "priority",
    "name",
    "source_task_data",
)
NOTHING = "No rate took much off the loss in so few steps; keep the one that you have."


@dataclass(frozen=True)
class Search:
    """The result of a range test."""

    rates: list[float]
    losses: list[float]
    """Smoothed training loss at each rate."""
    suggestion: float | None
    """The rate to try; None if the loss hardly fell."""
    notes: list[str]
    """What a run with these settings would note."""


def unused(mode: str) -> set[str]:
    """Settings that a search does not use; epochs decide which groups train, but in gradual alone."""
    return {*UNUSED, *(() if mode == "gradual" else ("epochs",))}


def find_rate_in_subprocess(config: FineTuneConfig) -> Task[Search]:
    """`lr_finder.find_rate` in a process of its own, which is killed when the task is closed."""
    command = [sys.executable, "-m", "ftcore", "find-rate", "--json", *_options(config)]
    path = os.pathsep.join(filter(None, (str(paths.ROOT), os.environ.get("PYTHONPATH"))))
    env = os.environ | {"PYTHONPATH": path}
    yield Progress("waiting", 0, None)
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, env=env
        ) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                values = json.loads(line)
                if values.pop("event", "") == "progress":
                    yield Progress(**values)
                elif "rates" in values:
                    return Search(**values)
        finally:
            process.kill()
        errors.seek(0)
        message = errors.read().strip().splitlines() or ["The search ended early; try it again."]
        raise UnfreezeError(message[-1])


def _options(config: FineTuneConfig) -> list[str]:
    """The settings that a search uses as options of the command line."""
    options = []
    for name in (setting.name for setting in relevant_settings(config)):
        value, option = getattr(config, name), name.replace("_", "-")
        if value == "" or name in unused(config.mode):
            continue
        if isinstance(value, bool):
            options.append(f"--{option}" if value else f"--no-{option}")
        else:
            options.append(f"--{option}={value}")
    return options
