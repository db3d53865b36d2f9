"""Charts: live, still and replayed, their colours and the placement of their labels."""
