"""The command line, `python -m ftcore`."""
