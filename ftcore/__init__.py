"""The core of Unfreeze: data, models, training, tracking and prediction. It never imports streamlit."""

__version__ = "0.1.0"
