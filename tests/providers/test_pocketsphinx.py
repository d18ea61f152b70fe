"""PocketsphinxSTT: a turn's text depends on its audio alone, and a decoder always finds its way back to the pool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from rtaudio.providers import PocketsphinxSTT
from rtaudio.providers.hibari import HibariVoice
from rtaudio.providers.pocketsphinx import PocketsphinxStream, to_int16
from rtaudio.testing import virtual_time
from rtaudio.voice.protocols import STT, Audio, ProviderError, Transcript

RATE = 16000
SAID = "Can I borrow films as well?"
HEARD = "can i borrow films as well"


@pytest.fixture(scope="module")
def said(voice: HibariVoice) -> Audio:
    soxr = pytest.importorskip("soxr")
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed: pip install 'rtaudio[local]'")
    speech = soxr.resample(voice.say(SAID).samples, 24000, RATE).astype(np.float32)
    noise = np.random.default_rng(7).normal(0, 1e-4, len(speech) + 8000).astype(np.float32)
    noise[4000 : 4000 + len(speech)] += speech
    return noise


async def final(stream: PocketsphinxStream) -> str:
    transcripts = [transcript async for transcript in stream]
    assert transcripts
    assert [transcript.final for transcript in transcripts] == [False] * (len(transcripts) - 1) + [True]
    return transcripts[-1].text


async def recognise(stt: PocketsphinxSTT, audio: Audio, chunk: int = 512) -> str:
    stream = stt.stream()
    for at in range(0, len(audio), chunk):
        stream.push(audio[at : at + chunk])
    stream.end()
    try:
        return await final(stream)
    finally:
        await stream.aclose()


def test_it_understands_the_local_voice(said: Audio) -> None:
    assert asyncio.run(recognise(PocketsphinxSTT(), said)) == HEARD


def test_how_audio_is_cut_never_changes_the_text(said: Audio) -> None:
    """Law 6."""

    async def run() -> list[str]:
        stt = PocketsphinxSTT()
        return [await recognise(stt, said, chunk) for chunk in (160, 333, 512, len(said))]

    assert set(virtual_time.run(run())) == {HEARD}


def test_a_turn_does_not_depend_on_the_turn_before(said: Audio) -> None:
    """Law 5: a loud or silent turn before leaves no trace, not even when it was left in the middle."""

    async def run() -> list[str]:
        stt: STT = PocketsphinxSTT()
        assert isinstance(stt, PocketsphinxSTT)
        texts = [await recognise(stt, said)]
        await recognise(stt, np.random.default_rng(1).uniform(-1, 1, RATE).astype(np.float32))
        texts.append(await recognise(stt, said))
        left = stt.stream()
        left.push(said[: RATE // 2])
        await asyncio.sleep(0.01)
        await left.aclose()
        texts.append(await recognise(stt, said))
        await stt.aclose()
        return texts

    assert asyncio.run(run()) == [HEARD] * 3


def test_interim_transcripts_come_while_the_user_speaks(said: Audio) -> None:
    async def run() -> list[Transcript]:
        stream = PocketsphinxSTT().stream()
        seen = []
        for at in range(0, len(said), 1600):
            stream.push(said[at : at + 1600])
            await asyncio.sleep(0.1)
            if stream._latest is not None:
                seen.append(await anext(stream))
        await stream.aclose()
        return seen

    seen = virtual_time.run(run())
    assert any("borrow" in transcript.text for transcript in seen)
    assert not any(transcript.final for transcript in seen)


def test_one_decoder_serves_two_turns_one_after_the_other(said: Audio) -> None:
    async def run() -> Sequence[str]:
        stt = PocketsphinxSTT(decoders=1)
        texts = await asyncio.gather(recognise(stt, said), recognise(stt, said), recognise(stt, said[:4000]))
        await stt.aclose()
        return texts

    assert asyncio.run(run()) == [HEARD, HEARD, ""]


def test_a_stream_closed_while_it_waits_for_a_decoder_takes_none(said: Audio) -> None:
    async def run() -> str:
        stt = PocketsphinxSTT(decoders=1)
        holds = stt.stream()
        holds.push(said[:1600])
        await asyncio.sleep(0.02)
        waits = stt.stream()
        waits.push(said)
        await asyncio.sleep(0.02)
        await waits.aclose()
        assert [transcript async for transcript in waits] == []
        await holds.aclose()
        return await recognise(stt, said)

    assert virtual_time.run(run()) == HEARD


def test_a_turn_without_audio_or_without_words_has_an_empty_text() -> None:
    async def run() -> list[str]:
        stt = PocketsphinxSTT()
        silence = np.zeros(RATE, np.float32)
        return [await recognise(stt, silence[:0]), await recognise(stt, silence)]

    assert virtual_time.run(run()) == ["", ""]


def test_audio_beyond_the_bound_is_refused_and_nothing_of_it_taken(said: Audio) -> None:
    """Law 8: nothing decodes while the loop is not given a chance to."""

    async def run() -> str:
        stt = PocketsphinxSTT(waiting_s=len(said) / RATE)
        stream = stt.stream()
        stream.push(said)
        with pytest.raises(BufferError, match="does not keep up"):
            stream.push(said[:1])
        stream.end()
        return await final(stream)

    assert virtual_time.run(run()) == HEARD


@pytest.mark.parametrize(
    ("samples", "error", "message"),
    [
        (np.zeros(4, np.int16), TypeError, "int16"),
        (np.zeros((2, 4), np.float32), ValueError, r"\(2, 4\)"),
        (np.array([0.0, np.nan], np.float32), ValueError, "NaN"),
        ([0.0], TypeError, "list"),
    ],
)
def test_what_is_no_audio_is_refused(samples: Audio, error: type[Exception], message: str) -> None:
    """Law 11."""
    with pytest.raises(error, match=message):
        to_int16(samples)


def test_pushing_after_the_end_is_a_mistake_and_closing_twice_is_none() -> None:
    async def run() -> None:
        stream = PocketsphinxSTT().stream()
        stream.end()
        stream.end()
        with pytest.raises(RuntimeError, match="after the end of the turn"):
            stream.push(np.zeros(16, np.float32))
        await stream.aclose()
        await stream.aclose()

    virtual_time.run(run())


def test_conversion_saturates() -> None:
    converted = to_int16(np.array([-2, -1, 0, 0.5, 1, 2], np.float32))
    assert converted.tolist() == [-32768, -32768, 0, 16384, 32767, 32767]


def test_a_model_that_is_not_there_is_reported_to_the_reader() -> None:
    async def run() -> None:
        stt = PocketsphinxSTT(options={"hmm": "no such model"})
        await recognise(stt, np.zeros(1600, np.float32))

    with pytest.raises(ProviderError, match="stt pocketsphinx: "):
        virtual_time.run(run())


def test_a_pool_needs_a_decoder() -> None:
    with pytest.raises(ValueError, match="at least one"):
        PocketsphinxSTT(decoders=0)
