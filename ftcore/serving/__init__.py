"""An endpoint that answers over HTTP with a checkpoint or an exported ONNX folder.

Its limits on connections are also those of the dashboard.
"""
