"""Graphs of ONNX in the process of the tests, where the import of torch's exporter is paid once."""

from ftcore.exchange.onnx import graph


def trace_here(patch):
    """Trace models in this process, not each in one of its own, as the product does (tests/exchange/onnx)."""

    def trace(ref, file):
        graph._trace(ref, file)
        yield from ()

    patch.setattr(graph, "trace_in_subprocess", trace)
