"""Writes small ONNX files for tests: just enough protobuf, and nothing of ONNX's own package."""

from __future__ import annotations

from collections.abc import Sequence

Dims = Sequence[int | str]

FLOAT, INT64 = 1, 7


def varint(value: int) -> bytes:
    """A protobuf varint; negative numbers as two's complement of 64 bits."""
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name: str, kind: int, dims: Sequence[int], *rest: bytes) -> bytes:
    """TensorProto; `rest` are its fields with the values."""
    return b"".join([*(number(1, d) for d in dims), number(2, kind), block(8, name.encode()), *rest])


def value(name: str, kind: int, dims: Dims) -> bytes:
    """ValueInfoProto: an input or output; a dimension that is a name is any size."""
    shape = b"".join(block(1, number(1, d) if isinstance(d, int) else block(2, d.encode())) for d in dims)
    return block(1, name.encode()) + block(2, block(1, number(1, kind) + block(2, shape)))


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], **integers: int | Sequence[int]) -> bytes:
    """NodeProto with integer attributes."""
    attributes = b""
    for label, given in integers.items():
        if isinstance(given, int):
            attributes += block(5, block(1, label.encode()) + number(3, given) + number(20, 2))
        else:
            attributes += block(
                5, block(1, label.encode()) + b"".join(number(8, each) for each in given) + number(20, 7)
            )
    named = b"".join(block(1, each.encode()) for each in inputs) + b"".join(block(2, each.encode()) for each in outputs)
    return named + block(4, op.encode()) + attributes


def model(
    nodes: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes], tensors: Sequence[bytes] = ()
) -> bytes:
    """ModelProto, operator set 13."""
    graph = b"".join(
        [
            *(block(1, each) for each in nodes),
            block(2, b"test"),
            *(block(5, each) for each in tensors),
            *(block(11, each) for each in inputs),
            *(block(12, each) for each in outputs),
        ]
    )
    return number(1, 8) + block(7, graph) + block(8, block(1, b"") + number(2, 13))
