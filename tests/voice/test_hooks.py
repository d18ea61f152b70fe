"""What an agent does when it takes over, when it leaves and when a turn has ended: on_enter, on_exit, on_turn."""

from __future__ import annotations

import asyncio

from rtaudio.testing import FakeLLM, run
from rtaudio.voice import (
    Agent,
    ChatMessage,
    HookFailed,
    Session,
    StopReply,
)
from tests.voice.conversations import Cast, caller_with, conversation
from tests.voice.handoff_talks import TO_BILLING, Front, Hooked, lines, talk


def test_on_exit_of_the_old_has_ended_before_on_enter_of_the_new_begins() -> None:
    async def main() -> None:
        log: list[str] = []
        sim, _ = await talk(Hooked("front", log), [[TO_BILLING], "Here."])
        assert log == ["front enters", "front has left", "billing enters"]
        assert sim.session.history[-1].text == "Here.", "the model goes on once it has entered"

    run(main())


def test_what_on_enter_says_takes_the_place_of_what_the_model_would() -> None:
    class Speaks(Hooked):
        async def on_enter(self, session: Session) -> None:
            await asyncio.sleep(0.5)
            await session.say("Here I am.")

    async def main() -> None:
        sim, llm = await talk(Front(Speaks("billing", [])), [[TO_BILLING], "?"])
        assert lines(sim.session.history)[-1] == "assistant: Here I am."
        assert len(llm.asked) == 1

    run(main())


def test_a_hook_that_raises_or_hangs_is_told_and_changes_nothing() -> None:
    class Bad(Hooked):
        async def on_enter(self, session: Session) -> None:
            await asyncio.sleep(100)

        async def on_exit(self, session: Session) -> None:
            raise KeyError("gone")

        async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
            raise ValueError("no")

    async def main() -> None:
        sim, _ = await talk(Bad("bad", []), [[TO_BILLING], "Here."])
        assert [(e.agent, e.what_ran, e.what) for e in sim.told(HookFailed)] == [
            ("bad", "on_turn", "ValueError: no"),
            ("bad", "on_exit", "KeyError: 'gone'"),
            ("bad", "on_enter", "took longer than 30.0 s"),
        ][: len(sim.told(HookFailed))]
        assert lines(sim.session.history)[-1] == "assistant: Here."

    run(main())


def test_on_turn_looks_something_up_for_the_model_and_the_record_holds_what_was_said() -> None:
    class Knows(Agent):
        asked: list[str]

        async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
            self.asked.append(message.text)
            await asyncio.sleep(0.4)
            return f"Known of {message.text}: 42."

    async def main() -> None:
        agent = Knows("Be brief.")
        agent.asked = []
        sim, llm = await talk(agent, ["It is 42.", "Again."], cues=[{"at_s": 0.3}, {"at_s": 5.0}])
        assert agent.asked == ["first question", "second question"]
        assert lines(llm.asked[0]) == ["user: first question", "system: Known of first question: 42."]
        assert lines(sim.session.history) == [
            "user: first question",
            "assistant: It is 42.",
            "user: second question",
            "assistant: Again.",
        ]
        assert lines(llm.asked[1])[1] == "system: Known of first question: 42."

    run(main())


def test_a_user_who_goes_on_while_it_is_looked_up_has_all_of_it_looked_up() -> None:
    class Knows(Agent):
        async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
            seen.append(message.text)
            await asyncio.sleep(1.5)
            return f"about {message.text}"

    seen: list[str] = []

    async def main() -> None:
        sim, llm = await talk(Knows("Be brief."), ["Well."], cues=[{"at_s": 0.3}, {"at_s": 2.2}])
        assert lines(llm.asked[-1]) == [
            "user: first question second question",
            "system: about first question second question",
        ]
        assert seen == ["first question", "first question second question"]
        assert len(llm.asked) == 1
        assert len(sim.session.history) == 2

    run(main())


def test_on_turn_takes_no_longer_than_it_may_and_may_want_no_answer() -> None:
    class Picky(Agent):
        async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
            if message.text.startswith("first"):
                raise StopReply
            await asyncio.sleep(100)
            return "never"

    async def main() -> None:
        sim, llm = await talk(Picky("Be brief."), ["Yes."], cues=[{"at_s": 0.3}, {"at_s": 5.0}])
        assert lines(llm.asked[0]) == ["user: first question", "user: second question"]
        assert len(llm.asked) == 1
        assert [event.what for event in sim.told(HookFailed)] == ["took longer than 2.0 s"]
        assert sim.session.history[-1].text == "Yes."

    run(main())


def test_a_hook_that_does_not_heed_its_cancellation_keeps_nobody_waiting() -> None:
    """Law 11. It goes on beside the talk, and ends before the session does."""
    ended: list[str] = []

    class Deaf(Agent):
        async def on_turn(self, session: Session, message: ChatMessage) -> str | None:
            for _ in range(2):
                try:
                    await asyncio.sleep(6)
                except asyncio.CancelledError:
                    continue
            ended.append(message.text)
            return "too late"

    async def main() -> None:
        cast = Cast(llm=FakeLLM(["Yes."]))
        async with conversation(cast, caller_with({"at_s": 0.3}), agent=Deaf("Be brief.")) as sim:
            await sim.until(lambda: len(sim.session.history) == 2, limit_s=8)
            assert not ended
            (failed,) = sim.told(HookFailed)
            assert failed.what == "took longer than 2.0 s, and does not heed its cancellation"
            await sim.advance(8.0)
        assert ended == ["first question"]
        assert len(cast.llm.asked) == 1
        assert lines(cast.llm.asked[0]) == ["user: first question"]

    run(main())
