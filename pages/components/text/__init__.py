"""Text on a page: escaping, formatting, and the words behind a prediction."""
