"""What a person should know of labelled texts before training on them.

Each module looks for one kind of thing and returns Findings; `examination` calls them all. The functions
take columns and change nothing. A position is that of a text in the examined columns, from 0.
"""
