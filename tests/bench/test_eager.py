"""The bench of replies begun ahead, on one pair of phrases with the real VAD and turn model."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from rtaudio.bench import eager
from rtaudio.core.vad import ModelMissing


def test_what_ends_is_answered_sooner_and_a_pause_costs_what_is_told(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eager, "MODES", {name: eager.MODES[name] for name in ("off", "text", "silence")})
    monkeypatch.setattr(eager, "PAUSES_MS", (600,))
    try:
        figures = eager.run(argparse.Namespace(data=shared_data, pairs=1), lambda text: None)
    except ModelMissing as error:
        pytest.skip(str(error))
    off, text = figures["off"]["ended"], figures["text"]["ended"]
    assert (off["begun"], text["begun"], text["kept"]) == (0, 1, 1)
    assert off["p50_ms"] - text["p50_ms"] > 150
    assert figures["text"]["paused"]["600 ms"]["begun_in_the_pause"] == 0
    assert figures["silence"]["paused"]["600 ms"]["begun_in_the_pause"] == 1, "silence says nothing of what follows"
