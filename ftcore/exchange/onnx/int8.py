"""int8 of the weights alone: activations stay floats, so answers hardly change.

Matrices of linear layers are quantized by block, with a scale for each `BLOCK` inputs of an output, and
multiplied by onnxruntime's own operator MatMulNBits. Tables of vectors are quantized by row, in standard
operators.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

BLOCK = 32
LEAST = 1024  # weights of a matrix that is worth quantizing
_ZERO = 128  # the byte that stands for 0.0 in MatMulNBits
_DOMAIN = "com.microsoft"
_COMPUTED_IN_INT8 = 4  # where the CPU can: activations are rounded by block, too


def quantize_file(file: Path) -> None:
    """Quantize the weights of the graph in a file."""
    model = onnx.load_model(file)
    quantize(model)
    onnx.save_model(model, file)


def quantize(model: ModelProto) -> None:
    """Quantize the weights of a graph in place."""
    graph = model.graph
    floats = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2
    }
    weights = {name: array for name, array in floats.items() if array.size >= LEAST}
    nodes: list[NodeProto] = []
    quantized: dict[str, TensorProto] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[1] in weights:
            name = node.input[1]
            nodes.append(_product(node, *weights[name].shape))
            tensors = _by_block(weights[name])
        elif node.op_type == "Gather" and node.input[0] in weights and not _axis(node):
            name = node.input[0]
            nodes += _lookup(node)
            tensors = _by_row(weights[name])
        else:
            nodes.append(node)
            continue
        for suffix, tensor in zip(("ints", "scales"), tensors, strict=True):
            quantized[f"{name}.{suffix}"] = numpy_helper.from_array(tensor, f"{name}.{suffix}")
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    _replace(graph.node, nodes)
    _replace(graph.initializer, [*kept, *quantized.values()])
    model.opset_import.append(helper.make_opsetid(_DOMAIN, 1))


def _by_block(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantize a matrix [inputs, outputs]: uint8 [outputs, blocks, BLOCK] and fp32 [outputs, blocks]."""
    rows = np.pad(matrix.T, ((0, 0), (0, -len(matrix) % BLOCK)))
    blocks = rows.reshape(len(rows), -1, BLOCK)
    scales = _scales(blocks)
    return (np.rint(blocks / scales) + _ZERO).astype(np.uint8), scales[..., 0]


def _by_row(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Quantize a table [rows, dim]: int8 [rows, dim] and fp32 [rows, 1]."""
    scales = _scales(table)
    return np.rint(table / scales).astype(np.int8), scales


def _scales(values: np.ndarray) -> np.ndarray:
    """What one step of 127 is along the last axis, which is kept; 1 where all values are 0."""
    largest = np.abs(values).max(-1, keepdims=True)
    return np.where(largest > 0, largest / 127, 1).astype(np.float32)


def _product(node: NodeProto, inputs: int, outputs: int) -> NodeProto:
    """The product of a node with its matrix in blocks of 8 bits."""
    left, matrix = node.input
    return helper.make_node(
        "MatMulNBits",
        [left, f"{matrix}.ints", f"{matrix}.scales"],
        list(node.output),
        node.name,
        domain=_DOMAIN,
        K=inputs,
        N=outputs,
        bits=8,
        block_size=BLOCK,
        accuracy_level=_COMPUTED_IN_INT8,
    )


def _lookup(node: NodeProto) -> list[NodeProto]:
    """The rows that a node looks up, in floats again."""
    table, ids = node.input
    ints, floats, scales = (f"{node.name}.{part}" for part in ("ints", "floats", "scales"))
    return [
        helper.make_node("Gather", [f"{table}.ints", ids], [ints]),
        helper.make_node("Cast", [ints], [floats], to=TensorProto.FLOAT),
        helper.make_node("Gather", [f"{table}.scales", ids], [scales]),
        helper.make_node("Mul", [floats, scales], list(node.output), node.name),
    ]


def _axis(node: NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)


def _replace(field, values) -> None:  # type: ignore[no-untyped-def]
    copies = [type(value).FromString(value.SerializeToString()) for value in values]
    del field[:]
    field.extend(copies)
