"""Commands that import and export: the lesson's model, checkpoints, experiments, data, code."""

import argparse

from ftcore.cli import takeaway
from ftcore.cli.printer import Printer
from ftcore.errors import UsageError
from ftcore.events import drain
from ftcore.formatting import percent, size
from ftcore.validation import expand_home, is_folder


def import_checkpoint(options: argparse.Namespace, out: Printer) -> None:
    """Import the lesson's .pth file, an encoder, or a package that `export --format zip` wrote."""
    from ftcore.exchange import huggingface
    from ftcore.exchange.package import export as package

    source = options.source
    on_hub = huggingface.is_hub_name(source) and not source.endswith((".pth", ".pt"))
    if source.lower().endswith(package.SUFFIX):
        _import_package(options, out)
    elif is_folder(source) or on_hub:
        _import_encoder(options, out)
    else:
        _import_lesson(options, out)


def _import_package(options: argparse.Namespace, out: Printer) -> None:
    from ftcore.exchange.package import importing

    if options.vectors or hasattr(options, "heads") or options.ag_news or options.revision:
        raise UsageError("A package holds all that belongs to it; omit the other options.")
    task = importing.import_package(expand_home(options.source), options.name or "")
    checkpoint = drain(task, out.event)
    values = {"ref": checkpoint.ref, "kind": checkpoint.kind, "notes": out.notes}
    out.record(values, f"Imported as {checkpoint.ref}.")


def _import_encoder(options: argparse.Namespace, out: Printer) -> None:
    from ftcore.exchange import huggingface

    if options.vectors or hasattr(options, "heads") or options.ag_news:
        raise UsageError("An encoder has its own vectors, heads and data; omit these options.")
    task = huggingface.import_encoder(options.source, options.name or "", options.revision or "")
    checkpoint = drain(task, out.event)
    values = {"ref": checkpoint.ref, "parameters": checkpoint.model.parameters, "notes": out.notes}
    out.record(values, f"Imported as {checkpoint.ref}.")


def _import_lesson(options: argparse.Namespace, out: Printer) -> None:
    from ftcore.exchange import lesson_import

    if not options.vectors:
        raise UsageError(
            "The lesson's file does not hold its words; give its GloVe file (--vectors)."
        )
    if options.revision:
        raise UsageError("A revision belongs to a name on the Hub; omit it for a file.")
    files = (expand_home(options.source), expand_home(options.vectors))
    task = lesson_import.import_lesson(
        *files,
        heads=getattr(options, "heads", 2),
        name=options.name or "lesson",
        ag_news_source=options.ag_news or "",
    )
    checkpoint = drain(task, out.event)
    # None for other classes than those of AG News.
    accuracy = checkpoint.metrics.get("test_accuracy")
    measured = "" if accuracy is None else f": {percent(accuracy)} on the AG News test set"
    values = {"ref": checkpoint.ref, "parameters": checkpoint.model.parameters}
    values |= {"notes": out.notes}
    out.record(values | checkpoint.metrics, f"Imported as {checkpoint.ref}{measured}.")


def export_checkpoint(options: argparse.Namespace, out: Printer) -> None:
    """Write a checkpoint in a format to use elsewhere, or push it to the Hugging Face Hub."""
    from ftcore.exchange import formats
    from ftcore.models import checkpoints

    name = options.format or (formats.HUB if options.push else formats.PLAIN)
    if options.title and name not in (formats.PLAIN, formats.PAGE):
        raise UsageError(
            f"Only the formats {formats.PLAIN} and {formats.PAGE} have a title; omit --title."
        )
    if options.precision and name != formats.PAGE:
        raise UsageError(f"--precision is for the format {formats.PAGE}; omit it.")
    if options.push:
        _push(options, name, out)
        return
    if options.private:
        raise UsageError("Only what is pushed can be private: add --push, or omit --private.")
    if not options.to:
        raise UsageError("Give a target, or a name on the Hub (--push).")
    if name == formats.PAGE:
        takeaway.export_page(options, out)
        return
    target = expand_home(options.to)
    suffix = formats.FORMATS[name].suffix
    if target.suffix.lower() != suffix and suffix:
        raise UsageError(f"This format is a file: give it a name that ends in {suffix}.")
    drain(formats.export(name, options.ref, target), out.event)
    if options.title:
        checkpoints.update(target, options.title)
    _exported(options.to, out)


def _push(options: argparse.Namespace, name: str, out: Printer) -> None:
    from ftcore.exchange import formats

    if options.to or name != formats.HUB:
        raise UsageError("What is pushed has the format huggingface; omit the target and --format.")
    url = drain(formats.push(options.ref, options.push, options.private), out.event)
    out.record({"pushed": url}, f"Pushed to {url}")


def export_experiment(options: argparse.Namespace, out: Printer) -> None:
    """Write an experiment to a folder: its runs, curves and diagnostics."""
    from ftcore.experiments import catalog

    catalog.export(options.experiment, expand_home(options.to))
    _exported(options.to, out)


def export_data(options: argparse.Namespace, out: Printer) -> None:
    """Write the built-in sample to a new folder, as the code of a run reads it."""
    from ftcore.exchange import script

    script.export_sample(expand_home(options.to))
    _exported(options.to, out)


def code(options: argparse.Namespace, out: Printer) -> None:
    """Print the plain PyTorch code of a run."""
    from ftcore.exchange import script

    text = script.script(options.run)
    out.record({"code": text}, text.rstrip("\n"))


def _exported(to: str, out: Printer) -> None:
    target = expand_home(to)
    what = f", {size(target.stat().st_size)}" if target.is_file() else ""
    out.record({"exported": str(target)}, f"Exported to {target}{what}")
