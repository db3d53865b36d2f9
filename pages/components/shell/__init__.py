"""What surrounds every page: access control and sign-in, static files, background imports.

`app.py` puts it together.
"""
