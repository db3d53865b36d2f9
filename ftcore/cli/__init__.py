"""The command line, `python -m ftcore` or `unfreeze`.

`main` holds the parser of all commands; each command imports what it needs when it runs.
"""
