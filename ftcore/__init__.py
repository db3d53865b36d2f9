"""The core of Unfreeze, from datasets to the record of runs. Never imports streamlit."""

import os

# OpenMP reads this when torch is imported. Waiting threads must sleep: beside a busy program such as a
# browser, spinning made a training step 5 to 10 times slower (docs/decisions.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
