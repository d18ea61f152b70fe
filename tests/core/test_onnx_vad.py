"""OnnxVad: any ONNX VAD on the model thread. Results are those of a stream alone, in order, at the right position; the
queue has a bound; what goes wrong in a model or a callback reaches who asked and no one else."""

from __future__ import annotations

import asyncio
import gc
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio import ModelMissing, OnnxVad, SileroVad, VadClosed, VadResult
from tests.core.onnx_models import mean_model, save
from tests.core.onnx_writer import FLOAT, INT64, block, node, tensor, value

Floats = NDArray[np.float32]
WINDOW = 512


def sum_model(path: Path, state: list[int | str]) -> Path:
    """input, state -> the sum of all means so far: a state of two values in which each counts on."""
    axis = [k for k, d in enumerate(state) if isinstance(d, str) or d == 1][-1]
    other = 1 - axis
    return save(
        path,
        [
            node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1),
            *([node("Transpose", ["mean"], ["turned"], perm=[1, 0])] if axis == 1 else []),
            node("Add", ["state", "turned" if axis == 1 else "mean"], ["stateN"]),
            node("ReduceMean", ["stateN"], ["all"], axes=[other], keepdims=0),
            node("Unsqueeze", ["all", "one"], ["output"]),
        ],
        [value("input", FLOAT, [state[axis], "n"]), value("state", FLOAT, state)],
        [value("output", FLOAT, [state[axis], 1]), value("stateN", FLOAT, state)],
        [tensor("one", INT64, [1], block(9, struct.pack("<q", 1)))],
    )


@pytest.fixture
def mean(tmp_path: Path) -> Iterator[OnnxVad]:
    with OnnxVad(mean_model(tmp_path / "mean.onnx")) as vad:
        yield vad


def steps(count: int, first: int = 0) -> Floats:
    """Window k holds (first + k) / 64, exactly."""
    return np.repeat(np.arange(first, first + count, dtype=np.float32) / 64, WINDOW)


def expected(count: int, first: int = 0, position: int = 0) -> list[VadResult]:
    return [VadResult(position + (k + 1) * WINDOW, (first + k) / 64) for k in range(count)]


class Gate:
    """Holds the model thread in a callback until it is opened, so that a test says what waits behind it."""

    def __init__(self, vad: OnnxVad) -> None:
        self._open, entered = threading.Event(), threading.Event()

        def hold(result: VadResult) -> None:
            entered.set()
            assert self._open.wait(30)

        self.future = vad.stream(hold).push(np.zeros(WINDOW, np.float32))
        assert entered.wait(30)

    def open(self) -> None:
        self._open.set()


def test_silero_s_own_file_gives_the_native_kernel_s_probabilities() -> None:
    native = SileroVad()
    rng = np.random.default_rng(2)
    streams = [
        (rng.normal(size=20 * WINDOW) * np.repeat(rng.uniform(0, 0.3, 20), WINDOW)).astype(np.float32) for _ in range(5)
    ]
    with OnnxVad(native.path) as vad:
        assert vad.context_samples == 64
        futures = [vad.stream().push(samples) for samples in streams]
        for samples, future in zip(streams, futures, strict=True):
            results = future.result(30)
            assert [r.position_end for r in results] == [(k + 1) * WINDOW for k in range(20)]
            # Each carries its own state over 20 windows: more room than from equal state.
            np.testing.assert_allclose([r.probability for r in results], native.stream().process(samples), atol=1e-4)


def test_chunks_never_change_the_results(mean: OnnxVad) -> None:
    """Law 6."""
    samples = steps(9)
    stream = mean.stream()
    futures = [stream.push(chunk) for chunk in np.split(samples, [0, 1, 500, 513, 1500, 1500, 4000])]
    assert stream.position == len(samples)
    assert [result for future in futures for result in future.result(30)] == expected(9)
    assert futures[0].result(0) == []


def test_callbacks_come_in_order_before_the_future_and_on_the_model_thread(mean: OnnxVad) -> None:
    seen: list[tuple[VadResult, str]] = []
    future = mean.stream(lambda result: seen.append((result, threading.current_thread().name))).push(steps(30))
    assert future.result(30) == expected(30) == [result for result, _ in seen]
    assert {name for _, name in seen} == {"rtaudio model"}


def test_results_can_be_awaited(mean: OnnxVad) -> None:
    async def main() -> list[VadResult]:
        return await asyncio.wrap_future(mean.stream().push(steps(2)))

    assert asyncio.run(main()) == expected(2)


def test_streams_are_batched_fairly_and_kept_apart(tmp_path: Path) -> None:
    """A stream with a long backlog does not hold up the others, and no state crosses."""
    with OnnxVad(sum_model(tmp_path / "sum.onnx", [2, "b"]), max_batch=4) as vad:
        order: list[int] = []
        gate = Gate(vad)
        futures = [
            vad.stream(lambda result, k=k: order.append(k)).push(np.full(count * WINDOW, (k + 1) / 64, np.float32))
            for k, count in enumerate([20, 1, 2, 1, 1, 1])
        ]
        gate.open()
        for k, future in enumerate(futures):
            results = [result.probability for result in future.result(30)]
            assert results == [(k + 1) / 64 * (n + 1) for n in range(len(results))]
        assert sorted(order[:6]) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("state", [["b", 3], [3, "b"], [1, 3], [3, 1]])
def test_the_batch_axis_of_a_state_is_found(tmp_path: Path, state: list[int | str]) -> None:
    with OnnxVad(sum_model(tmp_path / "sum.onnx", state)) as vad:
        assert vad.max_batch == (32 if "b" in state else 1)
        futures = [vad.stream().push(steps(3, first)) for first in (1, 5)]
        assert [[r.probability * 64 for r in future.result(30)] for future in futures] == [[1, 3, 6], [5, 11, 18]]


def test_context_stands_before_each_window(tmp_path: Path) -> None:
    with OnnxVad(mean_model(tmp_path / "m.onnx", columns=1024), context_samples=512) as vad:
        results = vad.stream().push(steps(4)).result(30)
        assert [r.probability for r in results] == [0, 0.5 / 64, 1.5 / 64, 2.5 / 64]


def test_context_longer_than_a_window_reaches_further_back(tmp_path: Path) -> None:
    with OnnxVad(mean_model(tmp_path / "m.onnx", columns=2048), context_samples=1536) as vad:
        results = vad.stream().push(steps(5)).result(30)
        assert [r.probability * 64 for r in results] == [0, 1 / 4, 3 / 4, 6 / 4, 10 / 4]


def test_reset_starts_a_new_stream_behind_what_waits(tmp_path: Path) -> None:
    with OnnxVad(sum_model(tmp_path / "sum.onnx", ["b", 2])) as vad:
        stream = vad.stream()
        gate = Gate(vad)
        before = stream.push(steps(3, 1)[:-100])
        stream.reset()
        after = stream.push(steps(2, 1))
        gate.open()
        assert before.result(30) == [VadResult(512, 1 / 64), VadResult(1024, 3 / 64)]
        assert after.result(30) == [VadResult(512, 1 / 64), VadResult(1024, 3 / 64)]
        assert stream.position == 1024


def test_a_callers_array_may_be_used_again(mean: OnnxVad) -> None:
    gate = Gate(mean)
    chunk = steps(2, 7)
    future = mean.stream().push(chunk)
    chunk[:] = 1
    gate.open()
    assert future.result(30) == expected(2, 7)


def test_a_full_queue_refuses_all_or_nothing_and_counts(tmp_path: Path) -> None:
    """Law 8."""
    with OnnxVad(mean_model(tmp_path / "m.onnx"), queue_windows=4) as vad:
        stream = vad.stream()
        gate = Gate(vad)
        first = stream.push(steps(3))
        with pytest.raises(BufferError, match="3 of 4 windows wait, no room for 2 more"):
            stream.push(steps(2, 3))
        assert (vad.refused, vad.waiting, stream.position) == (2, 3, 3 * WINDOW)
        stream.push(steps(1, 3)[:-1])  # no window: always taken
        last = stream.push(steps(1, 3)[-1:])
        gate.open()
        assert first.result(30) + last.result(30) == expected(4)
        assert vad.waiting == 0


def test_a_callback_that_raises_is_reported_and_harms_nobody(mean: OnnxVad, monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.append(args.exc_value))
    error = SystemExit("enough")

    def raising(result: VadResult) -> None:
        raise error

    assert mean.stream(raising).push(steps(2)).result(30) == expected(2)
    assert reported == [error, error]
    assert mean.stream().push(steps(1)).result(30) == expected(1)


def test_a_result_that_is_no_number_fails_its_window_alone(tmp_path: Path) -> None:
    """A model of 1 / mean, which silence breaks."""
    path = save(
        tmp_path / "m.onnx",
        [node("ReduceMean", ["input"], ["mean"], axes=[1], keepdims=1), node("Reciprocal", ["mean"], ["prob"])],
        [value("input", FLOAT, ["b", "n"])],
        [value("prob", FLOAT, ["b", 1])],
    )
    with OnnxVad(path) as vad:
        seen: list[VadResult] = []
        broken = vad.stream(seen.append).push(np.repeat(np.array([2, 0, 4], np.float32), WINDOW))
        with pytest.raises(ValueError, match="probability is inf"):
            broken.result(30)
        assert seen == [VadResult(512, 0.5), VadResult(1536, 0.25)]
        assert vad.failures == 1


def test_closing_a_stream_tells_what_was_waiting(mean: OnnxVad) -> None:
    stream = mean.stream()
    gate = Gate(mean)
    waiting = stream.push(steps(2))
    stream.close()
    stream.close()
    with pytest.raises(VadClosed):
        waiting.result(30)
    with pytest.raises(VadClosed):
        stream.push(steps(1))
    assert mean.waiting == 0
    gate.open()
    assert mean.stream().push(steps(1)).result(30) == expected(1)


def test_closing_the_model_tells_what_was_waiting(tmp_path: Path) -> None:
    vad = OnnxVad(mean_model(tmp_path / "m.onnx"))
    stream = vad.stream()
    gate = Gate(vad)
    waiting = [stream.push(steps(2)), vad.stream().push(steps(1))]
    closing = threading.Thread(target=vad.close)
    closing.start()
    gate.open()
    closing.join(30)
    assert not closing.is_alive()
    assert gate.future.result(30) == [VadResult(512, 0)]
    for future in waiting:
        with pytest.raises(VadClosed):
            future.result(30)
    with pytest.raises(VadClosed):
        stream.push(steps(1))
    with pytest.raises(VadClosed):
        vad.stream()
    vad.close()


def test_a_model_that_is_let_go_of_ends_its_thread(tmp_path: Path) -> None:
    vad = OnnxVad(mean_model(tmp_path / "m.onnx"))
    thread = vad._thread
    del vad
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()


def test_bad_files_and_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"nothing\.onnx"):
        OnnxVad(tmp_path / "nothing.onnx")
    (tmp_path / "junk.onnx").write_bytes(b"junk")
    with pytest.raises(ValueError, match=r"does not take .*junk\.onnx"):
        OnnxVad(tmp_path / "junk.onnx")
    good = mean_model(tmp_path / "m.onnx")
    for setting in ("rate", "window_samples", "max_batch", "queue_windows"):
        with pytest.raises(ValueError, match=f"{setting} must be at least 1"):
            OnnxVad(good, **{setting: 0})
    with pytest.raises(ValueError, match="context_samples"):
        OnnxVad(good, context_samples=-1)


def identity(path: Path, *inputs: bytes) -> Path:
    return save(path, [node("Identity", ["input"], ["out"])], list(inputs), [value("out", FLOAT, ["b", "n"])])


def test_other_interfaces_are_refused(tmp_path: Path) -> None:
    audio = value("input", FLOAT, ["b", "n"])
    with pytest.raises(ValueError, match="takes 300 samples, not 512"):
        OnnxVad(mean_model(tmp_path / "m.onnx", columns=300))
    with pytest.raises(ValueError, match="fixed batch"):
        OnnxVad(mean_model(tmp_path / "m.onnx", rows=2))
    with pytest.raises(ValueError, match=r"the output has the shape \(1, 512\) for a batch of 1"):
        OnnxVad(identity(tmp_path / "m.onnx", audio))
    for wrong in (
        [audio, value("x", INT64, []), value("y", INT64, [])],
        [audio, value("h", FLOAT, ["b", 2]), value("c", FLOAT, ["b", 2])],
        [audio, value("h", FLOAT, ["b", 2])],  # a state, but no output for it
        [value("input", FLOAT, ["b", 1, "n"])],
    ):
        with pytest.raises(ValueError, match=r"not the interface.*inputs input: tensor\(float\)"):
            OnnxVad(identity(tmp_path / "m.onnx", *wrong))


@pytest.mark.parametrize("samples", [[0.0], np.zeros(3), np.zeros((2, 3), np.float32), np.array([np.nan], np.float32)])
def test_a_stream_refuses_what_is_no_audio(mean: OnnxVad, samples: object) -> None:
    stream = mean.stream()
    with pytest.raises((TypeError, ValueError), match=r"OnnxVadStream\.push"):
        stream.push(samples)  # type: ignore[arg-type]
    assert stream.position == 0
