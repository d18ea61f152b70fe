"""Any conversation with a speech-to-speech model, whatever its timing: drawn callers, latencies, stalls, tools, losses
of the connection and what the program does meanwhile, on the real core."""

from __future__ import annotations

import asyncio
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from rtaudio.testing import Failure, FakeRealtime, FakeTTS, run
from rtaudio.testing.realtime_server import FakeItem
from rtaudio.voice import Agent, BargeIn, SessionOptions, TranscriptUpdated
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools import tool
from tests.voice.conversations import LONG
from tests.voice.realtime_calls import check_truncations, realtime_call
from tests.voice.test_any_conversation import CUES, TENTHS, WAITS, script

QUICK = SessionOptions(
    stt_final_timeout_s=1.0,
    llm_first_timeout_s=1.0,
    llm_next_timeout_s=1.0,
    tts_first_timeout_s=1.0,
    tts_next_timeout_s=1.0,
    close_timeout_s=0.3,
)
TURNS = st.sampled_from(["local", "server"])
ACTS = st.lists(st.tuples(TENTHS, st.sampled_from(["say", "ask", "interrupt", "stall", "drop"])), max_size=4)
FAILURES = st.none() | st.builds(
    Failure,
    st.sampled_from(["raise_at_open", "raise", "hang", "nothing", "raise_on_close", "hang_on_close"]),
    after=st.integers(0, 12),
    streams=st.integers(1, 2),
    first=st.integers(0, 1),
)


@tool
async def look(what: str) -> str:
    """Looks something up.

    Args:
        what: What to look up.
    """
    await asyncio.sleep(len(what) / 10)
    return "found"


class Replies:
    """One of the drawn kinds after another; every call has an id of its own."""

    def __init__(self, kinds: list[str]) -> None:
        self._kinds, self._number = kinds, 0

    def __call__(self, items: list[FakeItem]) -> Any:
        kind = self._kinds[self._number % len(self._kinds)]
        self._number += 1
        calls = [ToolCall(f"call_{self._number}_{k}", "look", f'{{"what": "{"x" * 6 * k}"}}') for k in range(2)]
        return {"long": LONG, "short": "Short.", "tools": calls, "said tools": ["Let me see.", *calls]}[kind]


@settings(max_examples=12, deadline=None)
@given(
    cues=CUES,
    turns=TURNS,
    kinds=st.lists(st.sampled_from(["long", "short", "tools", "said tools"]), min_size=1, max_size=5),
    acts=ACTS,
    waits=st.tuples(WAITS, WAITS, WAITS),
    words_after_s=st.sampled_from([0.0, 0.3, 2.0]),
    failure=FAILURES,
    expires_after_s=st.sampled_from([None, None, 4.0, 7.0]),
)
def test_no_turn_is_lost_or_told_twice_and_the_model_knows_what_was_heard(
    cues: list[tuple[float, str, float]],
    turns: Literal["local", "server"],
    kinds: list[str],
    acts: list[tuple[float, str]],
    waits: tuple[float, float, float],
    words_after_s: float,
    failure: Failure | None,
    expires_after_s: float | None,
) -> None:
    """Laws 1, 9, 10 and 11; that no rule of the server is broken and nothing is left behind is in `realtime_call`."""

    async def main() -> None:
        model = FakeRealtime(
            Replies(kinds),
            [f"turn{number}" for number in range(60)],
            turns=turns,
            char_s=0.03,
            first_after_s=waits[0],
            cancel_after_s=waits[1],
            transcript_after_s=words_after_s,
            failure=failure,
            expires_after_s=expires_after_s,
        )
        troubled = failure is not None or expires_after_s is not None or any(act == "drop" for _, act in acts)
        agent = Agent("Be brief.", tools=[look])
        tts = FakeTTS(char_s=0.03)
        async with realtime_call(model, script(cues), tts, agent=agent, options=QUICK, latency_s=waits[2]) as sim:
            for after_s, act in acts:
                await sim.advance(after_s)
                match act:
                    case "say":
                        sim.session.say("One moment, please.")
                    case "ask":
                        sim.session.generate_reply(instructions="Say more.")
                    case "interrupt":
                        sim.session.interrupt()
                    case "stall":
                        sim.stall(0.7)
                    case _ if model.connections:
                        model.drop()
            try:
                await sim.finish(limit_s=300)
            except TimeoutError:  # a cue that waits for an agent who has nothing more to say
                assert not sim.caller.done
            assert sim.session.state == "listening"
            check_truncations(sim, model)
            if not troubled:
                assert model.connections[-1].open_calls == [], "every call has its result"
            ledger = sim.port.playout.ledger()
            assert ledger.written + ledger.replayed == ledger.played + ledger.queued + ledger.dropped
            history = sim.session.history
        finals = [event for event in sim.told(TranscriptUpdated) if event.final]
        last = {event.turn: event.text for event in finals}
        said = [word for message in history if message.role == "user" for word in message.text.split()]
        assert sorted(said) == sorted(" ".join(last.values()).split()), "all words that came, each once"
        began = [message.began_s for message in history if message.role == "user"]
        assert began == sorted(began), "in the order in which they were said"
        if not (troubled or any(act == "interrupt" for _, act in acts)) and said:
            let_go = any(event.state in ("false", "backchannel") for event in sim.told(BargeIn))
            assert history[-1].role == "assistant" or let_go, "the last that was said was answered"

    run(main())
