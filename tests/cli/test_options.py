"""Every option of every command with values that it cannot have: refused in a sentence, before any work.

The parser itself names the options, so a new one is tried as well.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

import pytest

from ftcore import paths, tracking
from ftcore.cli import main as cli
from ftcore.config import SETTINGS
from ftcore.settings import Setting
from ftcore.storage import downloads
from ftcore.text.vector_settings import VECTOR_SETTINGS
from ftcore.training import lr_finder
from tests.helpers import small_runs
from tests.helpers.dataset_files import csvs

# A valid call of each command. FILE is there, NEW is not.
COMMANDS = {
    "app": "",
    "datasets": "",
    "data": "",
    "data add": "FILE --name new",
    "data list": "",
    "data show": "gone",
    "data export": "gone NEW",
    "data rename": "gone other",
    "data edit": "gone --drop-label neg",
    "data correct": "gone --row 1 --drop",
    "data remove": "gone",
    "checkpoints": "",
    "checkpoints remove": "gone",
    "runs": "",
    "experiments": "",
    "train": "--checkpoint base",
    "pretrain": "--vectors FILE --source NEWS",
    "find-rate": "--checkpoint base",
    "resume": "gone",
    "worker": "",
    "compare": "--checkpoint base",
    "learning-curve": "--checkpoint base",
    "predict": "--checkpoint base text",
    "calibrate": "gone --source FILE",
    "serve": "gone",
    "label-issues": "sample",
    "vectors": "NEWS --out NEW",
    "import": "FILE --vectors FILE",
    "export": "base NEW",
    "export-experiment": "sample NEW",
    "export-data": "sample NEW",
    "code": "gone",
}
NUMBERS = ["0", "-1", "-5", str(10**8), str(10**30), "9" * 5000, "nan", "inf", "-inf", "1e400"]
NUMBERS += ["1.5", "x", "0x10", "", " ", "\0", "\udcff"]
TEXTS = ["", " ", "nan", "-5", "\0", "\udcff", "x" * 10_000, "FOLDER", "MISSING", "UNREADABLE"]
TEXTS += ["/dev/null", "/proc/new/file", "~nobody-of-that-name/x"]


PARSER = cli._parser()


class Began(Exception):
    """Stands for the work that a command begins once its arguments are accepted."""


def parsers(parser: argparse.ArgumentParser = PARSER) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command, such as `checkpoints` and `checkpoints remove`."""
    commands = {}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, sub in action.choices.items():
                commands |= {name: sub}
                commands |= {f"{name} {other}": each for other, each in parsers(sub).items()}
    return commands


def arguments() -> list[tuple[str, argparse.Action]]:
    return [
        (command, action)
        for command, parser in parsers().items()
        for action in parser._actions
        if action.nargs not in (0, argparse.PARSER) and action.help != argparse.SUPPRESS
    ]


def test_each_command_is_tried():
    assert parsers().keys() == COMMANDS.keys()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths by the words that stand for them."""
    folder = tmp_path_factory.mktemp("options")
    (folder / "file.txt").write_text("word 0.1 0.2 0.3\n")
    csvs(folder / "news")
    (folder / "folder").mkdir()
    (folder / "unreadable").symlink_to(folder / "unreadable")  # also for root
    return {
        "FILE": str(folder / "file.txt"),
        "NEWS": str(folder / "news"),
        "NEW": str(folder / "new"),
        "FOLDER": str(folder / "folder"),
        "MISSING": str(folder / "missing" / "file"),
        "UNREADABLE": str(folder / "unreadable" / "file"),
    }


@pytest.fixture
def work(monkeypatch, tmp_path, files):
    """All long work raises Began; gensim is not installed."""

    def begin(*_: object, **__: object) -> None:
        raise Began

    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    small_runs.checkpoint(paths.checkpoints_dir() / "base", "base")
    monkeypatch.setattr(cli, "_parser", lambda: PARSER)  # making it takes longer than its use
    monkeypatch.setattr(tracking, "create_run", begin)
    monkeypatch.setattr(lr_finder.preparation, "prepare", begin)
    monkeypatch.setattr(downloads, "fetch", begin)
    monkeypatch.setattr(downloads, "open_remote", begin)
    monkeypatch.setattr(os, "execv", begin)
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    yield
    shutil.rmtree(files["NEW"], ignore_errors=True)


def outcome(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int | None, str]:
    """The exit status and what is on stderr; None if work began."""
    try:
        status = cli.main(arguments)
    except SystemExit as end:  # of argparse
        assert isinstance(end.code, int)
        status = end.code
    except Began:
        return None, ""
    message = capsys.readouterr().err
    if "needs gensim" in message:  # nothing but that was wrong
        return None, ""
    if message.startswith("usage: "):
        message = message.splitlines()[-1] + "\n"
    assert message.count("\n") == (1 if status else 0), message
    assert len(message) < 1500 and "Traceback" not in message
    return status, message


def call(command: str, action: argparse.Action, value: str, files: dict[str, str]) -> list[str]:
    """A valid call with the value of one argument replaced."""
    words = COMMANDS[command].split()
    if action.option_strings:
        option = action.option_strings[0]
        if option in words:
            del words[words.index(option) : words.index(option) + 2]
        words.append(f"{option}={value}")
    else:
        parser = parsers()[command]
        positionals = [each.dest for each in parser._actions if not each.option_strings]
        words[positionals.index(action.dest)] = value
        if value.startswith("-"):
            words.insert(0, "--")
    return [*command.split(), *(files.get(word.strip(), word) for word in words)]


def setting_of(command: str, action: argparse.Action) -> Setting | None:
    if not action.option_strings or action.dest == "out":
        return None
    settings = VECTOR_SETTINGS if command == "vectors" else SETTINGS
    if command == "import" and action.dest != "heads":
        return None
    return settings.get(action.dest)


def is_number(command: str, action: argparse.Action) -> bool:
    setting = setting_of(command, action)
    return action.dest in ("port", "seeds") or bool(setting and setting.type in (int, float))


def is_valid(setting: Setting | None, text: str) -> bool:
    try:
        number = setting.type(text)  # type: ignore[union-attr, operator]
    except (ValueError, AttributeError):
        return text == "0"  # of --seeds
    return setting is None or setting.metadata["low"] <= number <= setting.metadata["high"]


def described(each: tuple[str, argparse.Action]) -> str:
    return f"{each[0]} {each[1].dest}"


NUMERIC = [each for each in arguments() if is_number(*each)]
OTHERS = [each for each in arguments() if not is_number(*each)]


@pytest.mark.parametrize("argument", NUMERIC, ids=described)
def test_a_number_out_of_range_is_wrong_usage(argument, files, work, capsys):
    command, action = argument
    for value in NUMBERS:
        status, message = outcome(call(command, action, value, files), capsys)
        if action.dest == "seeds" and value in ("0", str(10**8)):
            assert status is None
        elif value in ("0", str(10**8), "1.5") and is_valid(setting_of(command, action), value):
            assert status in (None, 2), (value, message)  # 2: the mode has no use for it
        else:
            assert status == 2, (value, message)


@pytest.mark.parametrize("argument", OTHERS, ids=described)
def test_any_text_is_used_or_refused_in_a_sentence(argument, files, work, capsys):
    command, action = argument
    for value in TEXTS:
        status, message = outcome(call(command, action, files.get(value, value), files), capsys)
        assert status in (None, 0, 1, 2), (value, message)
        if value == "" and action.nargs is None:
            assert status == 2, message
    assert action.dest in ("to", "out") or not any(Path.cwd().iterdir())
