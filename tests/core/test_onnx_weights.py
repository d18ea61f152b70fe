"""Reading weights out of ONNX files: what is stored comes out, wherever it is; what is damaged is refused (law 11)."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.core.onnx_weights import OnnxFormatError, read_tensors
from rtaudio.core.vad import SileroVad
from tests.core.onnx_writer import block, number, tensor, varint


def graph(*fields: bytes) -> bytes:
    return b"".join(fields)


def model(graph_data: bytes) -> bytes:
    # A version, a float and a double of unknown fields around the graph: to be skipped.
    return number(1, 8) + b"\x95\x06" + bytes(4) + block(7, graph_data) + b"\x99\x06" + bytes(8)


def constant(output: str, value: bytes) -> bytes:
    attribute = block(1, b"value") + block(5, value) + number(20, 4)
    return block(1, block(2, output.encode()) + block(4, b"Constant") + block(5, attribute))


def branch(node: str, label: str, inner: bytes) -> bytes:
    attribute = block(1, label.encode()) + block(6, inner)
    return block(1, block(3, node.encode()) + block(4, b"If") + block(5, attribute))


RAW = np.arange(6, dtype="<f4").reshape(2, 3)


def raw(name: str = "w") -> bytes:
    return tensor(name, 1, [2, 3], block(9, RAW.tobytes()))


def test_initialisers_and_constants_come_out_by_name() -> None:
    found = read_tensors(model(graph(block(5, raw("w")), constant("c", raw("ignored")))))
    assert found.keys() == {"w", "c"}
    for each in found.values():
        assert each.dtype == np.float32
        np.testing.assert_array_equal(each, RAW)


def test_tensors_of_nested_graphs_are_scoped_by_node_and_attribute() -> None:
    inner = graph(block(5, raw("w")), branch("", "body", block(5, raw("deep"))))
    found = read_tensors(model(graph(branch("If_0", "then_branch", inner), branch("If_0", "else_branch", inner))))
    assert found.keys() == {
        "If_0.then_branch/w",
        "If_0.then_branch/0.body/deep",
        "If_0.else_branch/w",
        "If_0.else_branch/0.body/deep",
    }


@pytest.mark.parametrize(
    ("kind", "field", "values", "dtype"),
    [
        (1, block(4, struct.pack("<3f", 1.5, -2, 3)), [1.5, -2, 3], "f4"),
        (11, block(10, struct.pack("<3d", 1.5, -2, 3)), [1.5, -2, 3], "f8"),
        (7, block(7, varint(1) + varint(-2) + varint(3)), [1, -2, 3], "i8"),
        (7, number(7, 1) + number(7, -2) + number(7, 3), [1, -2, 3], "i8"),
        (6, block(5, varint(1) + varint(-2) + varint(3)), [1, -2, 3], "i4"),
        (13, block(11, varint(1) + varint(-1) + varint(3)), [1, 2**64 - 1, 3], "u8"),
        (10, block(5, varint(0x3C00) + varint(0xC000) + varint(0)), [1, -2, 0], "f2"),
        (9, block(9, b"\1\0\1"), [True, False, True], "?"),
    ],
)
def test_every_way_to_store_values(kind: int, field: bytes, values: list[object], dtype: str) -> None:
    found = read_tensors(model(block(5, tensor("x", kind, [3], field))))["x"]
    assert found.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(found, np.array(values, dtype))


def test_dimensions_may_be_packed_and_scalars_have_none() -> None:
    packed = block(1, varint(2) + varint(3)) + number(2, 1) + block(8, b"w") + block(9, RAW.tobytes())
    found = read_tensors(model(block(5, packed) + block(5, tensor("s", 1, [], block(9, struct.pack("<f", 7))))))
    np.testing.assert_array_equal(found["w"], RAW)
    assert found["s"].shape == ()
    assert found["s"] == 7


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "one graph"),
        (model(b"") + model(b""), "one graph"),
        (b"\xff" * 11, "10 bytes"),
        (b"\x80", "ends within"),
        (b"\x0b", "wire type"),
        (b"\x02\x00", "field number 0"),
        (model(block(5, tensor("w", 1, [2, 4], block(9, RAW.tobytes())))), "24 bytes"),
        (model(block(5, tensor("w", 1, [2, 3]))), "0 values"),
        (model(block(5, tensor("w", 1, [-1], block(9, b"")))), "shape"),
        (model(block(5, tensor("w", 1, [1 << 62, 1 << 62], block(9, b"")))), "0 bytes"),
        (model(block(5, tensor("w", 1, [1] * 100, block(9, bytes(4))))), "dimension"),
        (model(block(5, tensor("w", 1, [0, 1 << 62, 1 << 62], block(9, b"")))), "shape"),
        (model(block(5, tensor("w", 1, [1], number(14, 1)))), "another file"),
        (model(block(5, number(2, 1) + block(8, b"\xff"))), "UTF-8"),
        (model(block(5, b"\x0a\xff\x01")), "cut short"),
    ],
)
def test_what_is_no_onnx_file_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(OnnxFormatError, match=says):
        read_tensors(data)


def test_endless_nesting_is_refused() -> None:
    data = block(5, raw())
    for _ in range(100):
        data = branch("n", "body", data)
    with pytest.raises(OnnxFormatError, match="nested"):
        read_tensors(model(data))


def refused_or_read(data: bytes) -> None:
    try:
        read_tensors(data)
    except OnnxFormatError:
        return


@given(data=st.binary(max_size=200))
def test_any_bytes_give_tensors_or_a_clear_error(data: bytes) -> None:
    refused_or_read(data)


@settings(max_examples=300)
@given(at=st.integers(0, 10_000), value=st.integers(0, 255), cut=st.integers(0, 10_000))
def test_a_damaged_file_gives_tensors_or_a_clear_error(at: int, value: int, cut: int) -> None:
    good = bytearray(model(graph(block(5, raw()), constant("c", raw()), branch("i", "then_branch", block(5, raw())))))
    good[at % len(good)] = value
    refused_or_read(bytes(good[: len(good) - cut % len(good)]))


@pytest.mark.parametrize(("branch", "points"), [("then_branch", 256), ("else_branch", 128)], ids=["16 kHz", "8 kHz"])
def test_the_model_s_own_spectrum_is_a_windowed_dft(branch: str, points: int) -> None:
    """What entitles the kernel to a fast transform instead of the stored basis (csrc/kernels/rfft.h)."""
    tensors = read_tensors(SileroVad().path.read_bytes())
    basis = tensors[f"If_0.{branch}/If_0_{branch}__Inline_0__stft.forward_basis_buffer"]
    bins = points // 2 + 1
    assert basis.shape == (2 * bins, 1, points)
    n, k = np.arange(points), np.arange(bins)[:, None]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / points)
    transform = window * np.exp(-2j * np.pi * k * n / points)
    expected = np.concatenate([transform.real, transform.imag])
    assert np.abs(basis[:, 0] - expected).max() < 1e-7
