"""FallbackSTT: the next recogniser gets the whole turn where one fails (law 10)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from rtaudio.providers import FallbackSTT, HealthPolicy, HealthState
from rtaudio.testing import Failure, FakeSTT, run
from rtaudio.testing.failures import Mode
from rtaudio.testing.providers import FakeSTTStream, numbered
from rtaudio.voice.protocols import Audio, ProviderError, Transcript
from rtaudio.voice.troubles import listening

CHUNK = 320


def recogniser(number: int, failure: Failure | None = None, *, partials: bool = True) -> FakeSTT:
    stt = FakeSTT([f"words of {number}"] * 9, failure=failure, partials=partials)
    stt.name = f"stt-{number}"
    return stt


def turn(
    stt: FallbackSTT, all_of: Sequence[FakeSTT], chunks: int = 50, told: list[str] | None = None
) -> tuple[list[Transcript], str, float]:
    """Transcripts of one turn of numbered audio, what was wrong in the end, and how long after the end that was."""

    async def main() -> tuple[list[Transcript], str, float]:
        before, loop = asyncio.all_tasks(), asyncio.get_running_loop()
        wrong, came = "", list[Transcript]()
        ended_s = 0.0

        async def read() -> None:
            nonlocal wrong
            try:
                came.extend([transcript async for transcript in stream])
            except ProviderError as error:
                wrong = str(error)

        with listening(lambda kind, name, what: told.append(f"{name}: {what}") if told is not None else None):
            stream = stt.stream()
            reading = asyncio.create_task(read())
            for at in range(chunks):
                stream.push(numbered(at * CHUNK, CHUNK))
                await asyncio.sleep(0.02)
            stream.end()
            ended_s = loop.time()
            await reading
        took_s = loop.time() - ended_s
        await stream.aclose()
        await stream.aclose()
        assert asyncio.all_tasks() == before
        assert [one.open for one in all_of] == [0] * len(all_of)
        return came, wrong, took_s

    return run(main())


@pytest.mark.parametrize("partials", [True, False])
@pytest.mark.parametrize("mode", ["raise_at_open", "raise", "hang", "nothing"])
def test_the_next_recogniser_gets_the_whole_turn(mode: Mode, partials: bool) -> None:
    """Law 10: not a sample of what was said is lost."""
    all_of = [recogniser(1, Failure(mode), partials=partials), recogniser(2, partials=partials)]
    told: list[str] = []
    came, wrong, took_s = turn(FallbackSTT(all_of, final_s=1.0), all_of, told=told)
    assert not wrong
    assert came[-1] == Transcript("words of 2", True)
    assert np.array_equal(all_of[1].heard[0], numbered(0, 50 * CHUNK))
    assert [line.partition(":")[0] for line in told] == ["stt-1"]
    # Before the end only what raises or ends is noticed; then it has `final_s`.
    late = mode == "hang" or (not partials and mode != "raise_at_open")
    assert took_s == pytest.approx(0.1 + (1.0 if mode == "hang" else 0.1 if late else 0.0))


def test_a_recogniser_that_fails_between_a_partial_and_the_final_is_left() -> None:
    all_of = [recogniser(1, Failure("hang", after=1)), recogniser(2)]
    came, wrong, _ = turn(FallbackSTT(all_of), all_of)
    assert not wrong
    assert [(one.text, one.final) for one in came] == [("words", False), ("words", False), ("words of 2", True)]


class Full(FakeSTT):
    """Takes so many samples and then refuses more."""

    def stream(self) -> FakeSTTStream:
        return _FullStream(self)


class _FullStream(FakeSTTStream):
    def push(self, samples: Audio) -> None:
        if len(self._stt.heard[self._number]) >= 10 * CHUNK:
            raise BufferError("cannot keep up")
        super().push(samples)


def test_a_recogniser_that_refuses_audio_is_left_at_once() -> None:
    full = Full(["never"], partials=False)
    all_of = [full, recogniser(2)]
    told: list[str] = []
    came, wrong, took_s = turn(FallbackSTT(all_of), all_of, told=told)
    assert not wrong
    assert came[-1].text == "words of 2"
    assert took_s == pytest.approx(0.1)
    assert told == ["fake-stt: BufferError: cannot keep up"]
    assert np.array_equal(all_of[1].heard[0], numbered(0, 50 * CHUNK))


def test_of_a_turn_longer_than_what_is_kept_the_next_gets_the_last_and_that_is_told() -> None:
    """Law 8."""
    all_of = [recogniser(1, Failure("nothing", after=1)), recogniser(2)]
    told: list[str] = []
    _, wrong, _ = turn(FallbackSTT(all_of, keep_s=0.5), all_of, told=told)
    assert not wrong
    assert np.array_equal(all_of[1].heard[0], numbered(16000 - 8000, 8000))
    assert told == [
        "stt-1: ended without a final transcript",
        "stt-2: begins 0.5 s into the turn: more audio is not kept",
    ]


def test_recognisers_that_all_fail_are_named() -> None:
    all_of = [recogniser(1, Failure("raise_at_open")), recogniser(2, Failure("hang"))]
    stt = FallbackSTT(all_of, final_s=0.5)
    _, wrong, took_s = turn(stt, all_of)
    assert wrong == (
        "stt stt-1 or stt-2: stt-1: FakeFailure: told to raise when opened; stt-2: no final transcript within 0.5 s"
    )
    assert took_s == pytest.approx(0.5)


def test_a_turn_that_is_given_up_says_nothing_of_health() -> None:
    all_of = [recogniser(1, Failure("raise", streams=1)), recogniser(2)]
    stt = FallbackSTT(all_of, health=HealthPolicy(pause_s=0.1))

    async def main() -> None:
        stream = stt.stream()
        stream.push(numbered(0, CHUNK))
        assert (await anext(stream)).text == "words"
        await stream.aclose()
        await asyncio.sleep(1.0)
        stream = stt.stream()
        assert [one.state for one in stt.health] == [HealthState.PROBING, HealthState.HEALTHY]
        await stream.aclose()
        assert [one.state for one in stt.health] == [HealthState.DOWN, HealthState.HEALTHY]
        assert [one.open for one in all_of] == [0, 0]

    run(main())


def test_settings_are_checked() -> None:
    """Law 11."""
    with pytest.raises(ValueError, match="keep_s"):
        FallbackSTT([recogniser(1)], keep_s=0.0)
