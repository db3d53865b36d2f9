"""The command that executes what waits in the record."""

import argparse

from ftcore.cli import streams
from ftcore.cli.printer import Printer
from ftcore.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    help = "on Ray: the cluster at RAY_ADDRESS, or one on this machine"
    parser.add_argument("--ray", action="store_true", help=help)
    help = "end once nothing has waited or run for a minute"
    parser.add_argument("--until-idle", action="store_true", help=help)


def worker(options: argparse.Namespace, out: Printer) -> None:
    """Execute runs that wait in the record, for several machines or GPUs (docs/machines.md)."""
    from ftcore.runs import supervisor

    if not options.ray:
        raise UsageError("Name the kind of worker: --ray. The dashboard executes runs without one.")
    supervisor.supervise(options.until_idle, streams.complain)
