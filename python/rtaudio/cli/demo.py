"""`rtaudio demo`: a whole conversation, without sound card, key or network.

    caller  (local voice, lowered)  "…when does the library open on Saturday?"
    agent                           "On Saturday the library is open from…"
    caller  1.2 s into that         "Wait, what about Sunday?"           the agent stops, and answers that
    caller                          "How many books…", "…Goodbye."

It leaves FOLDER/recording.wav (caller left, agent right), timeline.png and transcript.json.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from rtaudio.cli.call import Call, Providers
from rtaudio.cli.errors import CommandError
from rtaudio.cli.log import CallLog
from rtaudio.cli.recorder import Recorder
from rtaudio.cli.running import run_call
from rtaudio.cli.screen import Screen, open_screen
from rtaudio.cli.timeline import Timeline, draw
from rtaudio.cli.wav import read_wav, resample
from rtaudio.core import MIC_RATE
from rtaudio.providers import HibariTTS, PocketsphinxSTT, ScriptedLLM
from rtaudio.providers.hibari import RATE as VOICE_RATE
from rtaudio.providers.hibari import HibariVoice
from rtaudio.providers.packages import MissingPackageError
from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatContext
from rtaudio.voice.events import AgentSpeechHeard, AgentSpeechStarted, SessionClosed, SessionEvent

GREETING: Final = "Hello, this is the town library. How can I help you?"
# A voice lowered by as much is another speaker to the ear, and still one to PocketSphinx.
CALLER_PITCH: Final = 0.88
INTERRUPTS_AFTER_S: Final = 1.2
# The conversation takes 32 s; one that has not ended by then has come to a stop somewhere.
LIMIT_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Cue:
    """One line of the caller: said `delay_s` after the agent has begun, or has come to the end of, its next reply."""

    text: str
    when: Literal["agent begins", "agent ends"]
    delay_s: float


SCRIPT: Final[Sequence[Cue]] = (
    Cue("Hello, when does the library open on Saturday?", "agent ends", 0.5),
    Cue("Wait, what about Sunday?", "agent begins", INTERRUPTS_AFTER_S),
    Cue("How many books can I take home?", "agent ends", 0.6),
    Cue("Okay, thank you. Goodbye.", "agent ends", 0.6),
)


@dataclass(slots=True)
class Performance:
    """What came of it. `placed`: per line of the caller, its samples at 16 kHz and the sample of the line at which it
    began. `probabilities`: one per 512 samples at 16 kHz."""

    log: CallLog = field(default_factory=CallLog)
    history: ChatContext = field(default_factory=ChatContext)
    placed: list[tuple[Cue, int, NDArray[np.float32]]] = field(default_factory=list)
    probabilities: list[NDArray[np.float32]] = field(default_factory=list)


def run(options: argparse.Namespace) -> None:
    """The command."""
    folder: Path = options.out
    screen = open_screen()
    try:
        screen.note("The caller's voice is made on the spot; the answers come from a small table, not from a model.")
        clips = voice_of_the_caller(SCRIPT)
        performance = run_call(perform(clips, folder / "recording.wav", screen, fast=options.fast), fast=options.fast)
    finally:
        screen.close()
    write_down(performance, folder, screen)


def voice_of_the_caller(script: Sequence[Cue]) -> list[NDArray[np.float32]]:
    """The lines, spoken, at 16 kHz."""
    voice = HibariVoice(pitch=CALLER_PITCH)
    return [resample(voice.say(cue.text).samples, VOICE_RATE, MIC_RATE) for cue in script]


async def perform(clips: Sequence[NDArray[np.float32]], recording: Path, screen: Screen, *, fast: bool) -> Performance:
    """The conversation, recorded."""
    performance = Performance()
    providers = Providers(PocketsphinxSTT(), ScriptedLLM(), HibariTTS())
    cues = deque(zip(SCRIPT, clips, strict=True))
    try:
        call = Call(Agent(greeting=GREETING), providers, fast=fast)
        recorder = Recorder(call.port, recording, input_delay_samples=call.line.figures()["input_delay_samples"])
        probabilities = call.port.probabilities(0)

        def collect() -> None:
            recorder.collect()
            performance.probabilities.append(probabilities.read())

        call.collect = collect
        events = call.session.events(bound=1 << 14)
        async with call:
            async for event in events:
                performance.log.take(event)
                screen.show(event)
                if isinstance(event, SessionClosed):
                    raise CommandError(f"the session ended by itself: {event.reason}")
                if cues and _is(event, cues[0][0]):
                    cue, clip = cues.popleft()
                    begin, _ = call.caller.say(clip, round((event.at_s + cue.delay_s) * MIC_RATE))
                    performance.placed.append((cue, begin, clip))
                elif not cues and isinstance(event, AgentSpeechHeard):
                    break
                if event.at_s > LIMIT_S:
                    raise CommandError(f"the conversation did not come to its end within {LIMIT_S:.0f} s")
            await call.idle(0.6, limit_s=LIMIT_S)
            performance.history = call.session.history
        recorder.close()
    finally:
        await providers.aclose()
    return performance


def _is(event: SessionEvent, cue: Cue) -> bool:
    return isinstance(event, AgentSpeechStarted if cue.when == "agent begins" else AgentSpeechHeard)


def write_down(performance: Performance, folder: Path, screen: Screen) -> None:
    """The transcript and the picture, beside the recording."""
    screen.note("")
    screen.note(f"recording   {folder / 'recording.wav'}   (caller left, agent right)")
    transcript = folder / "transcript.json"
    transcript.write_text(json.dumps(performance.log.to_dict(performance.history), indent=1, ensure_ascii=False) + "\n")
    screen.note(f"transcript  {transcript}")
    sound = read_wav(folder / "recording.wav")
    timeline = Timeline(
        sound.samples[:, 0], sound.samples[:, 1], sound.rate, np.concatenate(performance.probabilities), performance.log
    )
    try:
        draw(timeline, folder / "timeline.png")
    except MissingPackageError as error:
        screen.note(f"timeline    not drawn: {error}")
    else:
        screen.note(f"timeline    {folder / 'timeline.png'}")
