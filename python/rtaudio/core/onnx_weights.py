"""Reads the constant tensors out of an ONNX file: just enough protobuf for that, and nothing of ONNX's own package.

A kernel of ours needs weights, not a graph. So this walks the file once and gives every tensor that is stored in it:
initialisers and the values of ``Constant`` nodes, in the main graph and in the graphs that nodes hold (the branches of
an ``If``, the body of a ``Loop``). Nothing is evaluated.

The wire format is that of protobuf (https://protobuf.dev/programming-guides/encoding/), the field numbers those of
``onnx.proto`` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Fields that are not listed here are skipped.
Every length is checked against what is left of its message, so a damaged file ends in an `OnnxFormatError` and never
in a read beyond the end. Big arrays are views into the bytes given (read-only); only packed varints are copied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.generic]


class OnnxFormatError(ValueError):
    """The bytes are not an ONNX file that this reader understands."""


# Wire types of protobuf.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# TensorProto.DataType -> dtype of `raw_data`, little endian by definition.
_DTYPES: dict[int, np.dtype[np.generic]] = {
    1: np.dtype("<f4"),
    2: np.dtype("u1"),
    3: np.dtype("i1"),
    4: np.dtype("<u2"),
    5: np.dtype("<i2"),
    6: np.dtype("<i4"),
    7: np.dtype("<i8"),
    9: np.dtype("?"),
    10: np.dtype("<f2"),
    11: np.dtype("<f8"),
    12: np.dtype("<u4"),
    13: np.dtype("<u8"),
}

_MAX_DEPTH = 32  # of graphs within graphs: a bound on recursion, far above what exporters write


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    wire: int
    value: int  # of a varint; else 0
    data: memoryview  # of the other wire types; else empty


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The unsigned varint at `at` and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise OnnxFormatError("the file ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise OnnxFormatError("a number of more than 10 bytes: not a protobuf file")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


_EMPTY = memoryview(b"")


def _fields(message: memoryview) -> Iterator[_Field]:
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise OnnxFormatError("field number 0: not a protobuf file")
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield _Field(number, wire, value, _EMPTY)
            continue
        if wire == _BYTES:
            size, at = _varint(message, at)
        elif wire == _FIXED64:
            size = 8
        elif wire == _FIXED32:
            size = 4
        else:
            raise OnnxFormatError(f"wire type {wire}: not a protobuf file of today")
        if size > len(message) - at:
            raise OnnxFormatError(f"a field of {size} bytes where {len(message) - at} are left: the file is cut short")
        yield _Field(number, wire, 0, message[at : at + size])
        at += size


def _text(field: _Field) -> str:
    try:
        return bytes(field.data).decode("utf-8")
    except UnicodeDecodeError as error:
        raise OnnxFormatError("a name that is not UTF-8") from error


def _varints(field: _Field) -> list[int]:
    """A repeated integer field: one value, or a packed block of them."""
    if field.wire == _VARINT:
        return [_signed(field.value)]
    values, at = [], 0
    while at < len(field.data):
        value, at = _varint(field.data, at)
        values.append(_signed(value))
    return values


def _tensor(message: memoryview) -> tuple[str, Tensor] | None:
    """TensorProto. None for what no kernel can use: strings, and types younger than this reader."""
    name, kind, dims, raw = "", 0, list[int](), None
    integers: list[int] = []
    packed = bytearray()  # float_data or double_data
    for field in _fields(message):
        match field.number:
            case 1:
                dims += _varints(field)
            case 2:
                kind = field.value
            case 4 | 10:
                packed += field.data
            case 5 | 7 | 11:
                integers += _varints(field)
            case 8:
                name = _text(field)
            case 9:
                raw = field.data
            case 14 if field.value == 1:
                raise OnnxFormatError(
                    f"tensor {name!r} keeps its data in another file, which this reader does not follow"
                )
            case _:
                pass
    dtype = _DTYPES.get(kind)
    if dtype is None:
        return None
    if any(size < 0 for size in dims):
        raise OnnxFormatError(f"tensor {name!r} has the shape {dims}")
    count = 1
    for size in dims:  # Python's integers: a forged shape cannot overflow
        count *= size
    values: Tensor
    if raw is not None or packed:
        source = raw if raw is not None else memoryview(bytes(packed))
        if len(source) != count * dtype.itemsize:
            raise OnnxFormatError(
                f"tensor {name!r} has {len(source)} bytes where shape {dims} of {dtype} needs {count * dtype.itemsize}"
            )
        values = np.frombuffer(source, dtype)
    else:
        if len(integers) != count:
            raise OnnxFormatError(f"tensor {name!r} has {len(integers)} values where shape {dims} needs {count}")
        if kind == 10:  # float16 is kept as its bits
            values = np.array(integers, np.int64).astype(np.uint16).view(np.float16)
        else:
            values = np.array(integers, np.int64).astype(dtype)  # uint64 came as its two's complement
    try:
        return name, values.reshape(dims)
    except ValueError as error:  # more axes than NumPy has
        raise OnnxFormatError(f"tensor {name!r} has the shape {dims}: {error}") from error


def _graph(message: memoryview, scope: str, out: dict[str, Tensor], depth: int) -> None:
    """GraphProto: its initialisers and the tensors in the attributes of its nodes."""
    if depth > _MAX_DEPTH:
        raise OnnxFormatError(f"graphs nested more than {_MAX_DEPTH} deep")
    nodes = 0
    for field in _fields(message):
        if field.number == 5:
            stored = _tensor(field.data)
            if stored is not None:
                out[scope + stored[0]] = stored[1]
        elif field.number == 1:
            _node(field.data, scope, nodes, out, depth)
            nodes += 1


def _node(message: memoryview, scope: str, index: int, out: dict[str, Tensor], depth: int) -> None:
    """NodeProto. A constant goes by the name of the node's output; a graph opens the scope ``node.attribute/``."""
    name, output = "", ""
    attributes: list[memoryview] = []
    for field in _fields(message):
        match field.number:
            case 2:
                output = output or _text(field)
            case 3:
                name = _text(field)
            case 5:
                attributes.append(field.data)
            case _:
                pass
    for attribute in attributes:
        label = ""
        tensors: list[memoryview] = []
        graphs: list[memoryview] = []
        for field in _fields(attribute):
            match field.number:
                case 1:
                    label = _text(field)
                case 5 | 10:
                    tensors.append(field.data)
                case 6 | 11:
                    graphs.append(field.data)
                case _:
                    pass
        for tensor in tensors:
            stored = _tensor(tensor)
            if stored is not None:
                out[scope + (output or stored[0])] = stored[1]
        for graph in graphs:
            _graph(graph, f"{scope}{name or index}.{label}/", out, depth + 1)


def read_tensors(data: bytes) -> dict[str, Tensor]:
    """All tensors stored in the ONNX file `data` holds, by name.

    A tensor of the main graph goes by its own name; one in a graph of a node has that node and attribute before it:
    ``If_0.then_branch/weight``. A node without a name goes by its index. Arrays are read-only views of `data` where
    the file stores raw bytes; float32 arrays have dtype ``<f4``. Raises `OnnxFormatError` (a `ValueError`).
    """
    tensors: dict[str, Tensor] = {}
    graphs = 0
    for field in _fields(memoryview(data)):
        if field.number == 7 and field.wire == _BYTES:
            _graph(field.data, "", tensors, 0)
            graphs += 1
    if graphs != 1:
        raise OnnxFormatError(f"an ONNX file holds one graph, this one {graphs}")
    return tensors
