"""What an agent does at the sound card while a test looks on; run as a program, because PortAudio reads its environment
once, when it is loaded.

    python scenes.py NAME [ARGUMENT...]

A scene tells what happens as lines of JSON on standard output: {"tell": ..., ...}. It ends by itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from rtaudio import DetectorConfig, Engine, Journal, SileroVad, Wake, clock_ns
from rtaudio.transports import sound, sound_streams
from rtaudio.transports.sound import SoundCard, SoundUnavailable, list_devices

BLOCK_S = 0.02
QUIETEST = 0.1
"""No sample of `marked` is nearer to zero, so silence that comes in between can be told from it."""


def tell(what: str, **facts: Any) -> None:
    print(json.dumps({"tell": what, **facts}), flush=True)


def marked(count: int) -> np.ndarray:
    """Noise in which every stretch is like no other."""
    rng = np.random.default_rng(1)
    return (rng.uniform(QUIETEST, 0.4, count) * rng.choice([-1.0, 1.0], count)).astype(np.float32)


def tone(hertz: float, level: float, seconds: float, rate: int) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def begin(card: SoundCard) -> None:
    """Starts it and waits until it moves. (The first 20 ms of a stream overtake silence that a null sink's monitor has
    already handed out: nobody would see them there.)"""
    card.start()
    wait_until(lambda: card.figures()["output_callbacks"] >= 15 and card.figures()["input_callbacks"] > 0)


def write(card: SoundCard, samples: np.ndarray, rate: int) -> Any:
    segment = card.port.playout.open_segment()
    taken = segment.write(samples, rate)
    assert taken == len(samples), f"the queue took {taken} of {len(samples)}"
    segment.end()
    return segment


def wait_until(true: Callable[[], bool], within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        if time.monotonic() > deadline:
            raise TimeoutError("what the scene waits for does not come")
        time.sleep(0.01)


def put_out(card: SoundCard, segment: Any) -> None:
    """Until the last sample has left the loudspeaker, and somewhat longer: closing throws away what a device holds."""
    wait_until(lambda: segment.heard().now == segment.ledger().written)
    time.sleep(0.3)


def tell_accounts(card: SoundCard, tap: Any, folder: Path, segment: Any) -> None:
    put, port = [tap.read()], card.port.playout.ledger()
    while port.pulled != tap.position:  # the card pulls on: until a ledger and the tap are of the same moment
        put.append(tap.read())
        port = card.port.playout.ledger()
    np.save(folder / "tap.npy", np.concatenate(put))
    tell(
        "accounts",
        port=port._asdict(),
        segment=segment.ledger()._asdict(),
        heard=segment.heard()._asdict(),
        figures=card.figures(),
    )


def play(folder: Path) -> None:
    """Puts out `marked`, and says at some moments what it holds to be heard by then."""
    with Engine() as engine, SoundCard(engine, block_s=BLOCK_S) as card:
        engine.start()
        tap = card.port.tap(0)
        begin(card)
        segment = write(card, marked(3 * card.port.rate), card.port.rate)
        for _ in range(10):
            time.sleep(0.2)
            now_ns = clock_ns()
            heard = segment.heard(now_ns)
            tell("heard", at_ns=now_ns, now=heard.now, final=heard.final, bound=heard.bound)
        put_out(card, segment)
        tell_accounts(card, tap, folder, segment)


def sing(folder: Path, hertz: str, level: str, rate: str) -> None:
    """A tone from a provider at a rate of its own."""
    with Engine() as engine, SoundCard(engine, block_s=BLOCK_S) as card:
        engine.start()
        tap = card.port.tap(0)
        begin(card)
        segment = write(card, tone(float(hertz), float(level), 2.0, int(rate)), int(rate))
        put_out(card, segment)
        tell_accounts(card, tap, folder, segment)


def stall(folder: Path) -> None:
    """5 s are buffered; the loop is blocked for 2 s by somebody who does not even give the GIL away."""

    async def blocked(card: SoundCard) -> Any:
        begin(card)
        segment = write(card, marked(5 * card.port.rate), card.port.rate)
        await asyncio.sleep(0.5)
        before = card.figures()
        began_ns = clock_ns()
        ctypes.PyDLL(None).usleep(2_000_000)
        tell("blocked", for_s=(clock_ns() - began_ns) / 1e9, before=before, after=card.figures())
        return segment

    with Engine() as engine, SoundCard(engine, block_s=BLOCK_S) as card:
        engine.start()
        tap = card.port.tap(0)
        segment = asyncio.run(blocked(card))
        put_out(card, segment)
        tell_accounts(card, tap, folder, segment)


def listen(folder: Path, seconds: str, manner: str) -> None:
    """Hears until a turn has ended, at most so long: `silently`, or `speaking` meanwhile, and there to be cut off."""
    wake = Wake()
    with Engine(vad=SileroVad()) as engine, SoundCard(engine, block_s=BLOCK_S, wake=wake) as card:
        engine.start()
        mic, tap = card.port.mic(0), card.port.tap(0)
        begin(card)
        segment = write(card, marked(10 * card.port.rate), card.port.rate) if manner == "speaking" else None
        tell("hears")
        deadline, over = time.monotonic() + float(seconds), False
        while not over and time.monotonic() < deadline:
            time.sleep(0.01)
            wake.drain()
            for event in card.port.events():
                tell("event", **event._asdict())
                over = over or event.kind == "turn_ended"
        time.sleep(0.2)
        np.save(folder / "mic.npy", mic.read())
        if segment is not None:
            tell_accounts(card, tap, folder, segment)
    wake.close()


def echo(folder: Path, aec: str, manner: str, alone: str, seconds: str) -> None:
    """Speaks so many seconds, with a voice, into a room in which the microphone hears the loudspeaker; tells when
    `alone` of them have passed. `acting` it lets itself be interrupted, `listening` not. Its journal is kept."""
    from rtaudio.providers.hibari import RATE, HibariVoice

    text = "The library is open from nine thirty in the morning until five, and the reading room closes earlier. "
    voice = HibariVoice().say(text * 4).samples.astype(np.float32)
    wake = Wake()
    cancel: Any = None if aec == "none" else aec
    detector = DetectorConfig(barge_in=manner == "acting")
    with (
        Engine(vad=SileroVad()) as engine,
        SoundCard(engine, block_s=BLOCK_S, wake=wake, echo_cancel=cancel, detector=detector) as card,
        Journal(folder / "call.rtaj", card.port, input_rate=card.line.input_rate, detector=detector),
    ):
        engine.start()
        begin(card)
        segment = write(card, np.resize(voice, round(float(seconds) * RATE)), RATE)
        began, told = time.monotonic(), False
        tell("speaks", mic=card.port.mic_written)
        while time.monotonic() - began < float(seconds) and not segment.is_cut:
            time.sleep(0.01)
            wake.drain()
            for event in card.port.events():
                tell("event", **event._asdict())
            if not told and time.monotonic() - began >= float(alone):
                told = True
                tell("alone", mic=card.port.mic_written, figures=card.figures())
        tell("end", cut=segment.is_cut, after_s=time.monotonic() - began, figures=card.figures())
    wake.close()


def converse(folder: Path, replies: str) -> None:
    """The whole agent, until so many of its replies were heard to their end: what `rtaudio talk` does."""
    from rtaudio.providers import HibariTTS, PocketsphinxSTT, ScriptedLLM
    from rtaudio.voice import Agent, AgentSpeechHeard, Session, SessionClosed

    async def listen_and_answer(card: SoundCard, wake: Wake) -> None:
        stt, llm, tts = PocketsphinxSTT(), ScriptedLLM(), HibariTTS()
        try:
            async with Session(card.port, Agent(), stt=stt, llm=llm, tts=tts, wake=wake) as session:
                events = session.events()
                card.start()
                await asyncio.to_thread(begin, card)
                tell("hears")
                left = int(replies)
                async for event in events:
                    tell("event", name=type(event).__name__, **asdict(event))
                    left -= isinstance(event, AgentSpeechHeard)
                    if not left or isinstance(event, SessionClosed):
                        break
                await asyncio.sleep(0.3)
                tell("history", messages=[message.to_dict() for message in session.history.messages])
        finally:
            for provider in (stt, llm, tts):
                await provider.aclose()

    wake = Wake()
    with Engine(vad=SileroVad()) as engine, SoundCard(engine, block_s=BLOCK_S, wake=wake) as card:
        engine.start()
        asyncio.run(asyncio.wait_for(listen_and_answer(card, wake), 60))
        tell("account", port=card.port.playout.ledger()._asdict(), figures=card.figures())
    wake.close()


def watch(folder: Path) -> None:
    """A conversation that goes on until the sound card is gone, however that comes about."""

    async def until_it_is_gone(card: SoundCard) -> None:
        begin(card)
        tell("runs")
        await card.watch()

    patience = patch.object(sound, "STALLED_AFTER_S", 1.0), patch.object(sound_streams, "CLOSE_WITHIN_S", 1.0)
    with Engine() as engine, patience[0], patience[1]:
        engine.start()
        with SoundCard(engine, block_s=BLOCK_S) as card:
            write(card, marked(10 * card.port.rate), card.port.rate)
            ledger = card.port.playout.ledger
            try:
                asyncio.run(asyncio.wait_for(until_it_is_gone(card), 20))
            except SoundUnavailable as error:
                tell("gone", message=str(error), port=ledger()._asdict())
            began_ns = clock_ns()
        tell("closed", took_s=(clock_ns() - began_ns) / 1e9, state=card.state)


def reopen(folder: Path) -> None:
    """Opens and closes again and again: by `with`, without start, without close, and with an error in between."""
    wake = Wake()
    with Engine(max_lines=1) as engine:  # one line: what were left behind would be in the way of the next
        engine.start()
        for _ in range(3):
            with SoundCard(engine, block_s=BLOCK_S, wake=wake) as card:
                card.start()
                time.sleep(0.1)
            card.close()
        with SoundCard(engine, block_s=BLOCK_S, wake=wake):
            pass
        forgotten = SoundCard(engine, block_s=BLOCK_S, wake=wake)
        forgotten.open()
        forgotten.start()
        time.sleep(0.1)
        del forgotten
        try:
            with SoundCard(engine, block_s=BLOCK_S, wake=wake) as card:
                card.start()
                raise KeyError("in the middle")
        except KeyError:
            pass
        with SoundCard(engine, block_s=BLOCK_S, wake=wake) as card:
            begin(card)
            tell("figures", **card.figures())
    wake.close()  # refused while a line still uses it
    tell("threads", names=[path.joinpath("comm").read_text().strip() for path in Path("/proc/self/task").iterdir()])


def devices(folder: Path) -> None:
    """What `rtaudio devices` shows, and what opening says."""
    try:
        tell("devices", names=[each.name for each in list_devices()])
        with Engine() as engine, SoundCard(engine):
            tell("opened")
    except SoundUnavailable as error:
        tell("unavailable", message=str(error))


def no_portaudio(folder: Path) -> None:
    """The same on a machine without the library."""
    import ctypes.util

    ctypes.util.find_library = lambda name: None
    devices(folder)


def no_sounddevice(folder: Path) -> None:
    """The same in an environment without the extra."""
    sys.modules["sounddevice"] = None  # type: ignore[assignment]  # what makes an import of it fail
    devices(folder)


SCENES = (play, sing, stall, listen, echo, converse, watch, reopen, devices, no_portaudio, no_sounddevice)

if __name__ == "__main__":
    wanted, scratch, *arguments = sys.argv[1:]
    {scene.__name__: scene for scene in SCENES}[wanted](Path(scratch), *arguments)
