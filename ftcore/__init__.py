"""The core of Unfreeze: data, models, training, record, prediction; never imports streamlit."""

import os

# Read when torch loads its OpenMP: threads that wait must sleep, not spin. Beside a browser or any other
# busy program, spinning made a training step 5 to 10 times slower (docs/decisions.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"
