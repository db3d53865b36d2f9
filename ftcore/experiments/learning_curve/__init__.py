"""How many labels are needed: modes trained on more and more texts, in nested samples.

`plan` makes the runs, `curves` groups their results, `crossings` and `forecast` measure what the curves
show, and `verdict` says it; `analysis` is all of that, computed once.
"""
