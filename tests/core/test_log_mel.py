"""The features of the turn model against the reference's own code, which is run here (csrc/kernels/log_mel.h)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from rtaudio import SileroVad
from rtaudio.core import model_store
from rtaudio.core._features import LogMel
from rtaudio.core._kernels import instruction_sets
from rtaudio.core.turn_model import TurnModel

RATE = 16000


def sounds():
    pick = np.random.default_rng(7)
    phase = np.cumsum(2 * np.pi * 130 * 2 ** (np.sin(np.arange(40000) / 4000) / 3) / RATE)
    voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * np.abs(np.sin(np.arange(40000) / 1500))
    voice = (0.1 * voice).astype(np.float32)
    return {
        "noise": (0.1 * pick.standard_normal(8 * RATE)).astype(np.float32),
        "longer than 8 s": (0.01 * pick.standard_normal(11 * RATE + 7)).astype(np.float32),
        "voice": voice,
        "voice in noise": voice + (1e-3 * pick.standard_normal(len(voice))).astype(np.float32),
        "loud": np.clip(voice * 40, -1, 1).astype(np.float32),
        "one sample": np.array([0.5], np.float32),
        "silence": np.zeros(RATE, np.float32),
        "nothing": np.zeros(0, np.float32),
        "offset": np.full(3 * RATE, 0.25, np.float32),
    }


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """Pipecat's copy of transformers' WhisperFeatureExtractor, out of its wheel."""
    folder = tmp_path_factory.mktemp("pipecat")
    requirement = model_store.MODELS["smart-turn-v3.2"].requirement
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    if done.returncode:
        pytest.skip(f"the reference cannot be had: {done.stderr.strip()[-200:]}")
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        path = Path(wheel.extract("pipecat/audio/turn/smart_turn/_whisper_features.py", folder))
    spec = importlib.util.spec_from_file_location("whisper_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def padded(sound):
    return np.pad(sound[-8 * RATE :], (max(0, 8 * RATE - len(sound)), 0))


@pytest.mark.parametrize("name", sounds())
def test_law5_every_instruction_set_gives_the_same_bits(name):
    sound = sounds()[name]
    every = [LogMel(isa).run(sound) for isa in instruction_sets()]
    assert all(np.array_equal(each, every[0]) for each in every)
    assert np.isfinite(every[0]).all()


@pytest.mark.parametrize("name", [name for name in sounds() if name not in ("silence", "nothing")])
def test_features_are_the_reference_s(reference, name):
    sound = sounds()[name]
    expected = reference.compute_whisper_log_mel_features(padded(sound))
    assert np.abs(LogMel().run(sound) - expected).max() <= 1e-6


def test_the_model_says_of_them_what_it_says_of_the_reference_s(reference):
    with TurnModel() as model:
        for name in ("voice", "voice in noise", "noise"):
            sound = sounds()[name]
            features = reference.compute_whisper_log_mel_features(padded(sound))[None]
            (expected,) = model._network._session.run(None, {"input_features": features})
            assert abs(model.probability(sound) - float(expected[0, 0])) <= 0.005


def test_samples_that_are_none_count_as_silence():
    sound = sounds()["voice"]
    bad, silent = sound.copy(), sound.copy()
    bad[100:103], silent[100:103] = (np.nan, np.inf, -1e30), 0
    assert np.array_equal(LogMel().run(bad), LogMel().run(silent))


def test_out_is_filled_and_bad_arguments_are_told():
    sound, out = sounds()["voice"], np.empty((80, 800), np.float32)
    assert LogMel().run(sound, out) is out
    assert np.array_equal(out, LogMel().run(sound))
    with pytest.raises(ValueError, match=r"\(80, 800\)"):
        LogMel().run(sound, np.empty((80, 801), np.float32))
    with pytest.raises(TypeError, match="float32"):
        LogMel().run(sound.astype(np.float64))
    with pytest.raises(ValueError, match="one channel"):
        LogMel().run(sound.reshape(2, -1))
    with pytest.raises(ValueError, match="unknown"):
        LogMel("sse9")


def test_the_vad_and_the_turn_model_share_a_thread_s_scratch():
    """Kernels of one module take the same block: what one leaves there must not show in the other."""
    sound = sounds()["voice"]
    before = LogMel().run(sound)
    SileroVad().stream().process(sound)
    assert np.array_equal(LogMel().run(sound), before)
