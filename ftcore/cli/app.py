"""The command that starts the dashboard."""

import argparse
import os
import sys

from ftcore import paths
from ftcore.cli.printer import Printer


def app(options: argparse.Namespace, printer: Printer) -> None:
    """Start the dashboard in the browser."""
    # Streamlit reads .streamlit/config.toml beside the script, so the settings hold in any working directory.
    script = str(paths.ROOT / "app.py")
    command = [sys.executable, "-m", "streamlit", "run", script, "--server.port", str(options.port)]
    os.execv(sys.executable, command)
