"""Runs on a page: live, queued, compared side by side, and the buttons that control them.

Everything is read from the record.
"""
