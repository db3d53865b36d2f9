"""The command `serve`: an endpoint that answers over HTTP."""

import argparse

from ftcore.cli.printer import Printer
from ftcore.serving.snippets import HOST


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where it listens; the port is added with those of other commands."""
    help = "address to listen on; others than this machine's own need a key (default: %(default)s)"
    parser.add_argument("--host", default=HOST, help=help)


def serve(options: argparse.Namespace, out: Printer) -> None:
    """Answer texts over HTTP with a run, a checkpoint or a folder exported as ONNX."""
    from ftcore.serving import listening, model, server

    key = server.key(options.host)
    with listening.bind(options.host, options.port) as bound:
        served = model.load(options.ref)
        address = server.address(options.host, options.port)
        values = {"address": address, "model": served.title, "key": bool(key)}
        line = f"{served.title} answers at {address}. Ctrl-C ends it."
        server.serve(served, key, bound, lambda: out.record(values, line))
    out.record({"stopped": True}, "Stopped.")
