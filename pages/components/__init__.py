"""What pages share, in packages that import downwards only.

Components draw and call ftcore; they compute nothing.
"""
