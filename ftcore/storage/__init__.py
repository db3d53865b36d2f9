"""Atomic file writes, a cache of arrays, and downloads."""
