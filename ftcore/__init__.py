"""The core of Unfreeze: data, models, training, record, prediction; never imports streamlit."""

__version__ = "0.1.0"
