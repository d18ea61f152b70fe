"""Barge-in where the model is slow or doubts: loudness, sound, what a canceller left. Contract: csrc/barge.h."""

from __future__ import annotations

import pytest

from tests.core.test_barge import CONFIRMED, FALSE, LIKELY, SUSPECTED, Talk


@pytest.mark.parametrize(
    ("looks", "mic_p", "power", "ducks"),
    [(2, 0.9, 1e-3, True), (1, 0.9, 1e-3, False), (2, 0.1, 1e-3, False), (2, 0.9, 5e-5, False)],
)
def test_what_stands_clear_twice_is_somebody_though_the_model_is_slow(
    looks: int, mic_p: float, power: float, ducks: bool
) -> None:
    """10 dB above the noise; the mic holds speech (the agent's, to its VAD), and hardly any of this is echo."""
    talk = Talk()
    talk.hear(*[mic_p] * 30, near=0.01, echo=0.7, mic=(1e-5, 0, 0))  # type: ignore[arg-type]
    for at in (128, 256)[:looks]:
        talk.peek(0.01, at, mean_square=power, echo=0.5)
    assert talk.states == ([SUSPECTED] if ducks else [])


def test_what_stood_out_for_nothing_does_not_soon_again() -> None:
    talk = Talk()
    noise = {"near": 0.01, "echo": 0.7, "mic": (1e-5, 0, 0)}
    talk.hear(*[0.9] * 30, **noise)  # type: ignore[arg-type]

    def crackles(mean_square: float) -> bool:
        before = len(talk.states)
        for at in (128, 256):
            talk.peek(0.01, at, mean_square=mean_square, echo=0.5)
        suspected = talk.states[before:] == [SUSPECTED]
        talk.hear(*[0.9] * 6, **noise)  # type: ignore[arg-type]
        return suspected

    assert crackles(1e-3)
    assert talk.states[-1] == FALSE
    assert not crackles(4e-4)  # less than half of it
    assert crackles(1e-2)
    talk.hear(*[0.9] * 2000, **noise)  # type: ignore[arg-type]
    assert crackles(4e-4)  # a minute later it is forgotten


def sounding(talk: Talk, windows: int) -> None:
    talk.hear(*[0.3] * windows, mic=(1e-2, 0, 0))  # type: ignore[arg-type]


def test_a_voice_that_stands_out_pauses_though_the_model_doubts() -> None:
    talk = Talk()
    talk.hear(*[0.02] * 30, mic=(1e-5, 0, 0))  # type: ignore[arg-type]
    sounding(talk, 4)
    assert talk.states == [SUSPECTED, LIKELY]


def test_what_may_be_speech_neither_flushes_nor_holds_the_agent_down_for_ever() -> None:
    talk = Talk()
    talk.hear(*[0.02] * 30, mic=(1e-5, 0, 0))  # type: ignore[arg-type]
    sounding(talk, 30)
    assert CONFIRMED not in talk.states
    assert FALSE in talk.states


def test_what_was_cleaned_counts_where_there_is_echo_and_only_there() -> None:
    over_echo, without = Talk(), Talk()
    over_echo.hear(*[0.9] * 30, near=0.1, cleaned=0.9, echo=0.9)
    without.hear(*[0.1] * 30, near=0.1, cleaned=0.9, echo=0.0)
    assert over_echo.states == [SUSPECTED, LIKELY, CONFIRMED]
    assert without.states == []
