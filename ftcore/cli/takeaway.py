"""A page to take home on the command line: of a model, of several, or of an experiment's models."""

import argparse

from ftcore.cli.printer import Printer
from ftcore.errors import UnfreezeError, UsageError
from ftcore.events import drain
from ftcore.exchange.takeaway.export import PRECISIONS, SUFFIX, Heading
from ftcore.formatting import size
from ftcore.validation import expand_home


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of a page."""
    help = "of the weights in a page (html): int8 makes it small, exact keeps all digits (default: int8)"
    parser.add_argument("--precision", choices=PRECISIONS, help=help)


def export_page(options: argparse.Namespace, out: Printer) -> None:
    """Write models side by side as one HTML file, those of an experiment with its verdict."""
    from ftcore.exchange import formats
    from ftcore.exchange.takeaway import export

    target = expand_home(options.to)
    if target.suffix.lower() != SUFFIX:
        raise UsageError(f"A page is a file: give it a name that ends in {SUFFIX}.")
    refs, heading = _models(options.ref)
    formats.check(formats.PAGE, *refs)
    if options.title:
        heading = Heading(options.title, heading.verdict, heading.examples)
    task = export.write_page(refs, target, heading, options.precision or PRECISIONS[0])
    page = drain(task, out.event)
    values = {"exported": str(page), "models": refs, "bytes": page.stat().st_size}
    out.record(values, f"Exported to {page}, {size(page.stat().st_size)}")


def _models(ref: str) -> tuple[list[str], Heading]:
    """The refs of the models that are meant, and what stands above them. Raises UnfreezeError."""
    from ftcore.exchange.takeaway import export
    from ftcore.experiments import catalog, takeaway
    from ftcore.models import checkpoints

    refs = [part.strip() for part in ref.split(",")]
    try:
        if len(refs) > 1:
            return list(dict.fromkeys(checkpoints.find(each).ref for each in refs)), Heading()
        return [ref], export.heading(checkpoints.find(ref))
    except UnfreezeError as error:
        try:
            results = catalog.load(ref)
        except UnfreezeError:
            raise error from None
    if not (kept := takeaway.models(results)):
        raise UnfreezeError(
            "No model of this experiment was kept: run it again, and keep its models."
        )
    return kept, takeaway.heading(results)
