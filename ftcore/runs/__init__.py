"""A run from its first event to its last.

`execution` records every event of a run, `queue` holds what waits and the worker that takes it, and
`scheduler` is what pages and commands call: submit, stop, pause, resume, discard.
"""
