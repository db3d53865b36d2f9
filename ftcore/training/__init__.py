"""Everything that trains.

`preparation` makes the frozen setup of a run, `state` holds what moves, `loop` trains, `strategies` says
what trains in which mode, and `snapshots` saves and restores the state.
"""
