"""Files written whole or not at all, a cache of arrays that can be computed again, and downloads."""
