"""Plays a scenario with a caller: a real session on a real line, on virtual time, with the providers of its line.

How the options become ours is said in docs/scenarios.md. A window of the detector lasts 32 ms and a threshold is
reached at a window's end; so each gets a threshold half a window lower, and is then met within 16 ms either way.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from rtaudio.bench.scenario_fakes import LOUD, RATE, Script, TimedLLM, TimedSTT, TimedTTS, spoken
from rtaudio.bench.scenario_form import Call
from rtaudio.bench.scenario_seen import Seen
from rtaudio.core import BargeConfig, DetectorConfig, TurnConfig
from rtaudio.testing.caller import SimulatedCaller
from rtaudio.testing.energy_vad import EnergyVad
from rtaudio.testing.simulation import Simulation
from rtaudio.voice.agent import Agent
from rtaudio.voice.chat import ChatMessage
from rtaudio.voice.options import SessionOptions
from rtaudio.voice.session import Session

WINDOW_S: Final = 0.032
HALF_WINDOW_S: Final = WINDOW_S / 2
AHEAD_SILENCE_S: Final = 0.1
NEVER_S: Final = 3600.0
LIMIT_S: Final = 600.0


async def play(call: Call) -> Seen:
    """What happened."""
    script = Script(call.llm, call.tts, call.segments)
    caller = SimulatedCaller(RATE)
    for number, speech in enumerate(call.user):
        caller.say(spoken(number, speech["end"] - speech["start"]), at_s=speech["start"])
    options = call.options
    hooks = options["say_on_user_turn_completed"] or options["on_user_turn_completed_delay"]
    simulation = Simulation(
        (TurnHookAgent if hooks else ScenarioAgent)(call),
        stt=TimedSTT(call.user, complete=bool(call.options["preemptive_generation"])),
        llm=TimedLLM(script),
        tts=TimedTTS(script),
        caller=caller,
        vad=EnergyVad(LOUD),
        options=session_options(call.options),
        detector=detector(call.options),
    )
    async with simulation as sim:
        injected = asyncio.ensure_future(_inject(call, sim))
        try:
            end_s = max((speech["end"] + speech["stt_delay"] for speech in call.user), default=0.0)
            end_s = max([end_s, *(part["at"] for part in call.inject)])
            await sim.until(lambda: sim.transport.elapsed_s >= end_s + call.options["drain_delay"], LIMIT_S)
            if not sim.session.closed:
                await sim.finish(idle_s=1.0 + (options["user_away_timeout"] or 0.0), limit_s=LIMIT_S)
        finally:
            await injected
        history = sim.session.history.messages
    return Seen(call, sim.events, history, script)


def detector(options: dict[str, Any]) -> DetectorConfig:
    """The line's settings."""
    words = options["interrupt_min_words"]
    waits = options["output_can_pause"] and options["resume_false_interruption"]
    least = max(0.032, options["interrupt_min_duration"] - HALF_WINDOW_S)
    end = int(max(options["vad_min_silence"], options["endpoint_min_delay"]) / WINDOW_S) * WINDOW_S
    barge = BargeConfig(
        duck_db=0.0,
        pause_after_s=least if waits else NEVER_S,
        confirm_after_s=least,
        confirm_by_s=least,
        false_after_s=options["false_interruption_timeout"] or NEVER_S,
        level_counts_s=0.0,
        variety_full=0.0,
        early_onset=False,
        echo_most=1.0,
        rewind_on_false=False,
        min_words=max(words, 1) if waits else words,
    )
    turn = TurnConfig(
        silence_s=end, min_delay_s=end, max_delay_s=max(end, options["endpoint_max_delay"] or 0.0), grace_s=0.0
    )
    return DetectorConfig(
        min_speech_s=options["vad_min_speech"],
        min_silence_s=max(0.0, vad_silence_s(options) - HALF_WINDOW_S),
        barge=barge,
        turn=turn,
    )


def vad_silence_s(options: dict[str, Any]) -> float:
    """After which speech counts as ended. Replies begun ahead are begun from there on: then it is less."""
    silence_s: float = options["vad_min_silence"]
    return min(silence_s, AHEAD_SILENCE_S) if options["preemptive_generation"] else silence_s


def session_options(options: dict[str, Any]) -> SessionOptions:
    """The session's settings."""
    ahead, voice = options["preemptive_generation"], options["preemptive_tts"]
    return SessionOptions(
        interruption="immediate" if options["interrupt_enabled"] else "off",
        min_words=options["interrupt_min_words"] or None,
        aec_warmup_s=options["aec_warmup"],
        away_s=options["user_away_timeout"],
        hold_thinking=options["output_can_pause"],
        eager=("speech" if voice else "text") if ahead else "off",
        first_clause_chars=100_000,
        clause_chars=100_000,
        start_buffer_s=0.0,
        text_transforms=(),
        tool_steps=options["max_tool_steps"],
        stt_failed_text=None,
        llm_failed_text=None,
    )


class ScenarioAgent(Agent):
    """Has the tools that its model calls."""

    def __init__(self, call: Call) -> None:
        self._options = call.options
        greeting = call.options["greeting"]
        super().__init__("You are a helpful assistant.", greeting=greeting or None, tools=_tools(call))


class TurnHookAgent(ScenarioAgent):
    """And a hook that does what the options say."""

    async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
        text = self._options["say_on_user_turn_completed"]
        if text:
            session.say(text if isinstance(text, str) else "This is said when the turn is over.")
        if delay_s := self._options["on_user_turn_completed_delay"]:
            await asyncio.sleep(delay_s)
        return None


def _tools(call: Call) -> list[object]:
    calls = [each for answer in call.llm or () for each in answer["tool_calls"]]
    if not calls:
        return []
    from rtaudio.voice.tools import ToolError, tool  # needs an extra that other scenarios do without

    def one(name: str) -> object:
        due = [each for each in calls if each["name"] == name]

        @tool(name=name, description=name, schema={"type": "object"}, timeout_s=LIMIT_S)
        async def run(arguments: dict[str, Any]) -> str:
            told = due.pop(0) if len(due) > 1 else due[0]
            await asyncio.sleep(told["duration"])
            if told["error"] is not None:
                raise ToolError(str(told["error"]))
            return told["result"] if isinstance(told["result"], str) else json.dumps(told["result"])

        return run

    return [one(name) for name in dict.fromkeys(each["name"] for each in calls)]


async def _inject(call: Call, sim: Simulation) -> None:
    """What the program does by itself, at its time."""
    loop = asyncio.get_running_loop()
    origin_s = loop.time()
    if on_enter := call.options["generate_reply_on_enter"]:
        sim.session.generate_reply(instructions=on_enter if isinstance(on_enter, str) else "Say hello to the user.")
    for part in call.inject:
        if (wait_s := origin_s + part["at"] - loop.time()) > 0:  # what is due together is done together
            await asyncio.sleep(wait_s)
        allowed = part["allow_interruptions"]
        how: dict[str, Any] = {} if allowed is None else {"interruption": "immediate" if allowed else "off"}
        match part["op"]:
            case "interrupt":
                sim.session.interrupt()
            case "say":
                sim.session.say(part["text"], **how)
            case "generate_reply":
                sim.session.generate_reply(
                    user_input=part["user_input"] or part["text"], instructions=part["instructions"], **how
                )
            case "close":
                await sim.session.aclose()
