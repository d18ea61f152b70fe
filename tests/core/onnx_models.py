"""Small VADs as ONNX files, for the tests of what runs them."""

from __future__ import annotations

import struct
from pathlib import Path

from tests.core.onnx_writer import FLOAT, INT64, block, model, node, tensor, value


def save(path: Path, *parts: list[bytes]) -> Path:
    path.write_bytes(model(*parts))
    return path


def mean_model(path: Path, columns: int | str = "n", rows: int | str = "b") -> Path:
    """input (b, n) -> its mean, as a probability: each result tells which window it was."""
    return save(
        path,
        [node("ReduceMean", ["input"], ["prob"], axes=[1], keepdims=1)],
        [value("input", FLOAT, [rows, columns])],
        [value("prob", FLOAT, [rows, 1])],
    )


def breakable_model(path: Path) -> Path:
    """The same; it raises on a batch that holds a window with a mean of 2 or more (it looks up a table of two)."""
    return save(
        path,
        [
            node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
            node("Cast", ["mean"], ["index"], to=INT64),
            node("Gather", ["table", "index"], ["nothing"]),
            node("Add", ["mean", "nothing"], ["prob"]),
        ],
        [value("input", FLOAT, ["b", "n"])],
        [value("prob", FLOAT, ["b", 1])],
        [tensor("table", FLOAT, [2], block(9, struct.pack("<ff", 0, 0)))],
    )
