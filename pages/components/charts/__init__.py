"""Charts: live, still and replayed.

Figures are pure functions from results to plotly; `palette` gives each mode its colour.
"""
