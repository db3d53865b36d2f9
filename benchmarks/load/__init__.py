"""The server under visitors: page latency, and soaks in which it is killed and restarted."""
