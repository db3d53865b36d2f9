"""Text on a page: escaping, HTML fragments, labels, and the display of errors.

Escaping happens here and nowhere else.
"""
