"""The classifier, its sizes and layer groups, checkpoints on disk, and models of the Hugging Face Hub.

`spec` and `checkpoints` need no torch, so a page can describe a model before torch is imported.
"""

import os

# Read when huggingface_hub is imported. With telemetry on, the first request would be preceded by another
# one, for a list of coding agents to look for.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
