"""Options that are drawn from settings, such as those of a run, and what was given of them."""

import argparse
from collections.abc import Collection, Mapping
from typing import Any

from ftcore import presets
from ftcore.config import SETTINGS, FineTuneConfig, encoder_spec
from ftcore.earlier_settings import EARLIER_NAMES
from ftcore.errors import UsageError
from ftcore.relevance import relevant_settings
from ftcore.settings import Setting, choices


def add_arguments(
    parser: argparse.ArgumentParser,
    without: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> None:
    """Add an option per setting of a run, also by its earlier name; help has `defaults`."""
    for name, setting in SETTINGS.items():
        if name not in without:
            add_setting(parser, setting, (defaults or {}).get(name, setting.default))
    parser.add_argument(
        "--self-training", "--unlabelled", action=_Removed, nargs="?", help=argparse.SUPPRESS
    )


def add_setting(parser: argparse.ArgumentParser, setting: Setting, default: Any) -> None:
    """Add the option of a setting, absent from the result if not given; help has the `default`."""
    options: dict[str, Any] = {"metavar": setting.name.upper()}
    if setting.type is bool:
        options = {"action": argparse.BooleanOptionalAction}
    elif allowed := choices(setting):
        options = {"choices": allowed}
    options |= {"dest": setting.name, "default": argparse.SUPPRESS}
    parser.add_argument(_option(setting.name), help=_help(setting, default), **options)
    for earlier, current in EARLIER_NAMES.items():
        if current == setting.name:
            parser.add_argument(_option(earlier), help=argparse.SUPPRESS, **options)


def given_settings(
    options: argparse.Namespace, settings: Collection[str] = SETTINGS.keys()
) -> dict[str, Any]:
    """The settings that the command line names."""
    return {name: value for name, value in vars(options).items() if name in settings}


def add_preset(parser: argparse.ArgumentParser) -> None:
    """Add the option `--preset`, whose help lists what each of them sets."""
    names = {name.lower(): values for name, values in presets.PRESETS.items()}
    of_encoders = {name.lower(): values for name, values in presets.ENCODER_PRESETS.items()}
    lines = [
        f"{name}: {_listed(values)}; of an encoder, {_listed(of_encoders[name])}"
        if name in of_encoders
        else f"{name}, not of an encoder: {_listed(values)}"
        for name, values in names.items()
    ]
    help = f"settings that are not given take values that go together. {'. '.join(lines)}."
    parser.add_argument("--preset", choices=list(names), help=help)


def with_preset(given: Mapping[str, Any], preset: str | None) -> dict[str, Any]:
    """The given settings, and others by a preset. Raises UsageError if the model has none of this name."""
    if preset is None:
        return dict(given)
    spec = encoder_spec(given.get("checkpoint", SETTINGS["checkpoint"].default))
    names = {name.lower(): name for name in presets.of_kind(spec is not None)}
    if preset not in names:
        raise UsageError(
            f"An encoder has no preset {preset}, which is for the lesson's model: choose "
            f"{' or '.join(names)}."
        )
    values = presets.values(names[preset], given.get("mode", "full"), spec)
    if given.keys() & {"epochs", "minutes"}:
        values.pop("steps", None)
    return values | dict(given)


def _listed(values: Mapping[str, Any]) -> str:
    """Values of settings as options."""
    options = [
        ("--" if value else "--no-") + name.replace("_", "-")
        if isinstance(value, bool)
        else f"{_option(name)} {value}"
        for name, value in values.items()
    ]
    return " ".join(options) or "the defaults"


def refuse_ignored(
    given: Mapping[str, Any], *configs: FineTuneConfig, unused: Collection[str] = ()
) -> None:
    """Raise UsageError if a given setting is `unused` or has no effect on any of the configs."""
    used = {setting.name for config in configs for setting in relevant_settings(config)}.difference(
        unused
    )
    if ignored := [_option(name) for name in given if name not in used]:
        raise UsageError(f"These options would have no effect, omit them: {', '.join(ignored)}.")


def _help(setting: Setting, default: Any) -> str:
    """Return the help of an option, with its default."""
    text = setting.metadata["help"]
    if setting.default is None and default is not None:
        text = text.replace("the mode's", str(default))
    elif default not in ("", None):
        text += f" (default: {default})"
    return text.replace("%", "%%")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


class _Removed(argparse.Action):
    """An option of an earlier version: ends the program with one sentence and status 2."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any, **__: Any) -> None:
        parser.exit(2, "Self-training was removed (see docs/decisions.md); omit this option.\n")
