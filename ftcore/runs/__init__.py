"""A run from its first event to its last: training, recording, the queue and its workers."""
