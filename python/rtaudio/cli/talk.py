"""`rtaudio talk`: the agent at the microphone and loudspeaker, or from file to file.

From file to file the caller's WAV is on the line from the first sample; the answer's file begins at the same moment and
ends when the agent has been silent for a while after the caller's last word.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rtaudio.cli.call import Call, Providers
from rtaudio.cli.errors import CommandError
from rtaudio.cli.hearing import Hearing
from rtaudio.cli.log import CallLog
from rtaudio.cli.running import run_call
from rtaudio.cli.screen import Screen, open_screen
from rtaudio.cli.take import Take
from rtaudio.cli.turning import Turning
from rtaudio.cli.wav import read_wav
from rtaudio.core import MIC_RATE
from rtaudio.transports.cancelling import CancellerUnavailable, Processor, WebrtcProcessor
from rtaudio.voice.agent import Agent
from rtaudio.voice.events import ProviderFailed, SessionClosed
from rtaudio.voice.observe import EventStream
from rtaudio.voice.protocols import LLM, TTS

# After the last word of the file: long enough for a turn to be decided (2 s at most), thought about and answered.
_IDLE_S: Final = 3.0
_DEFAULT_INSTRUCTIONS: Final = (
    "You are a voice agent on the phone. Answer in one or two short spoken sentences, without lists or markup."
)


def run(options: argparse.Namespace) -> None:
    """The command."""
    _check(options)
    screen = open_screen()
    try:
        if options.input is None:
            from rtaudio.cli.talk_live import talk_live  # loads the sound card's module only where it is used

            asyncio.run(talk_live(agent_of(options), providers_of(options, screen), options, screen))
        else:
            _file_to_file(options, screen)
    finally:
        screen.close()


def _check(options: argparse.Namespace) -> None:
    """Raises CommandError for options that do not go together."""
    if options.input is None:
        only_files = {
            "--out": options.out,
            "--stereo": options.stereo,
            "--fast": options.fast,
            "--picture": options.picture,
            "--transcript": options.transcript,
            "--journal": options.journal,
        }
        given = [name for name, value in only_files.items() if value]
        if given:
            raise CommandError(f"{', '.join(given)}: only from file to file; give --in WAV, too")
    elif options.out is None:
        raise CommandError("--in needs --out WAV, the file for the agent's answer")
    elif options.mic is not None or options.speaker is not None:
        raise CommandError("--mic and --speaker choose a sound card's devices; leave them out with --in")
    if options.input is not None and options.input.resolve() == options.out.resolve():
        raise CommandError("--in and --out are the same file")
    if (options.llm_url is None) != (options.model is None):
        raise CommandError("--llm-url and --model go together: where the model is, and what it is called there")


def agent_of(options: argparse.Namespace) -> Agent:
    """The agent that the options describe."""
    return Agent(instructions=options.instructions or _DEFAULT_INSTRUCTIONS, greeting=options.greeting)


def providers_of(options: argparse.Namespace, screen: Screen) -> Providers:
    """Local ones, and the model that was asked for."""
    from rtaudio.providers import EspeakTTS, HibariTTS, OpenAICompatibleLLM, PocketsphinxSTT, ScriptedLLM

    llm: LLM
    if options.llm_url is None:
        llm = ScriptedLLM()
        screen.note(
            "No model was given (--llm-url, --model): answers come from a small table about a library; "
            "ask about opening hours."
        )
    else:
        llm = OpenAICompatibleLLM(options.model, base_url=options.llm_url)
    tts: TTS = EspeakTTS() if options.tts == "espeak" else HibariTTS()
    return Providers(PocketsphinxSTT(), llm, tts)


def canceller_of(options: argparse.Namespace) -> Processor | None:
    """What --aec asks for. CommandError: its package is not installed."""
    if options.aec == "none":
        return None
    try:
        return WebrtcProcessor()
    except CancellerUnavailable as error:
        raise CommandError(f"--aec: {error}") from error


def _file_to_file(options: argparse.Namespace, screen: Screen) -> None:
    clip = read_wav(options.input).mono(MIC_RATE)
    hearing = Hearing(options.vad)
    turning = Turning(options.profile, screen.note)
    providers = providers_of(options, screen)
    conversation = answer(
        clip,
        agent_of(options),
        providers,
        options.out,
        screen,
        stereo=options.stereo,
        fast=options.fast,
        journal=options.journal,
        hearing=hearing,
        canceller=canceller_of(options),
        turning=turning,
    )
    take = run_call(conversation, fast=options.fast)
    screen.note(f"answer      {take.path}{'  (caller left, agent right)' if options.stereo else ''}")
    if options.transcript is not None:
        take.write_transcript(options.transcript, screen)
    if options.picture is not None:
        take.draw(options.picture, screen)
    failures = [event for event in take.log.events if isinstance(event, ProviderFailed)]
    if failures:
        raise CommandError(f"{failures[0].kind} {failures[0].provider}: {failures[0].what}")


async def answer(
    clip: NDArray[np.float32],
    agent: Agent,
    providers: Providers,
    out: Path,
    screen: Screen,
    *,
    stereo: bool,
    fast: bool,
    journal: Path | None = None,
    hearing: Hearing | None = None,
    canceller: Processor | None = None,
    turning: Turning | None = None,
) -> Take:
    """Plays a clip (float32 mono at 16 kHz) to the agent and records what it says. `hearing`, `canceller`, `turning`:
    as in `Call`."""
    call = Call(agent, providers, fast=fast, journal=journal, hearing=hearing, canceller=canceller, turning=turning)
    with Take(call.port, call.line, out, stereo=stereo) as take:
        call.collect, call.last = take.collect, take.close
        call.caller.say(clip, 0)
        following = asyncio.create_task(follow(call.session.events(bound=1 << 14), take.log, screen), name="transcript")
        async with call:
            await call.idle(_IDLE_S)
            take.history = call.session.history
        await following
    return take


async def follow(events: EventStream, log: CallLog, screen: Screen) -> None:
    """Shows and keeps a session's events until its end. Raises CommandError if it ended by itself."""
    async for event in events:
        log.take(event)
        screen.show(event)
        if isinstance(event, SessionClosed) and event.reason != "closed":
            raise CommandError(f"the session ended by itself: {event.reason}")
