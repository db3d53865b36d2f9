"""Runs on a page: live, queued, overlaid, side by side, and the buttons that control them."""
