"""Files written whole or not at all, a cache of arrays, and downloads.

Nothing here knows of texts or models.
"""
