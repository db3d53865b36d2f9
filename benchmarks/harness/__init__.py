"""What benchmarks share.

Sides of a comparison take turns (`throughput`), data and machine limits are measured once, and every
benchmark prints tables and one line of JSON (`report`).
"""
