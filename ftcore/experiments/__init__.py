"""Paired experiments: several modes and seeds from the same start.

`plan` queues them, `catalog` and `archive` find and export them, `comparison` and
`verdict` say what they show.
"""
