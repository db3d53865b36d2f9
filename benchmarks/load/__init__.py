"""The server under simulated visitors.

`page_latency` measures reruns during training; `soak` kills and restarts the server and then audits
every run.
"""
