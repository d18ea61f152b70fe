"""A person at the page: a spoken conversation with an interruption in a real browser, and what goes wrong, in words."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rtaudio.server import CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice.agent import Agent
from rtaudio.voice.options import SessionOptions
from tests.web.conftest import Opened, microphone, serving

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")


FOLLOW = """() => {
  globalThis.starts = [];
  globalThis.cuts = [];
  rtaudio.client.addEventListener("audio", ({ detail }) => detail.start && starts.push(detail.position));
  rtaudio.client.addEventListener("message", ({ detail }) => detail.type === "cut" && cuts.push(detail));
}"""


def library(on_start: Callable[[Any], None]) -> CallSetup:
    from rtaudio.providers import HibariTTS, PocketsphinxSTT, ScriptedLLM

    return CallSetup(
        agent=Agent(greeting="Hello, this is the town library.", greeting_interruption="off"),
        stt=PocketsphinxSTT(),
        llm=ScriptedLLM(),
        tts=HibariTTS(),
        options=SessionOptions(stt_final_timeout_s=None),  # a busy machine takes its time
        on_start=on_start,
    )


def fakes(on_start: Callable[[Any], None]) -> CallSetup:
    return CallSetup(
        agent=Agent(greeting="Hello there."),
        stt=FakeSTT([]),
        llm=FakeLLM([""]),
        tts=FakeTTS(words=True),
        on_start=on_start,
    )


def until(holds: Callable[[], bool], within_s: float = 20) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_a_spoken_conversation_with_an_interruption(
    opened: Opened, spoken: Callable[[str], NDArray[np.float32]], tmp_path: Path
) -> None:
    """Laws 1, 2 and 9, as far as a browser goes."""
    said = [
        (4.0, spoken("When does the library open on Saturday?")),
        (12.0, spoken("Wait, what about Sunday?")),  # the answer takes 10 s, and begins a second or three after 6.3
        (22.0, spoken("Okay, thank you. Goodbye.")),
    ]
    with serving(library) as site:
        page = opened(site.url, microphone(tmp_path / "mic.wav", said, 34))
        page.get_by_role("button", name="Call").click()
        page.locator("li.agent[aria-busy=true] .pending", has_text="town library").wait_for()  # before it is heard
        page.locator("li.agent[aria-busy=false]", has_text="this is the town library").wait_for()
        page.evaluate(FOLLOW)
        page.locator("#transcript s.cut").first.wait_for()
        page.locator("li.agent", has_text="On Sunday").wait_for()
        page.locator("li.agent", has_text="Goodbye!").wait_for()
        until(lambda: page.evaluate("rtaudio.client.report.state") == "empty")
        call = site.call()
        until(lambda: call.figures()["out_sent"] == page.evaluate("rtaudio.client.report.received"))
        report, clears = page.evaluate("rtaudio.client.report"), page.evaluate("rtaudio.client.clears")
        ledger = call._port.playout.ledger()

        assert report["received"] == report["played"] + report["dropped"] + report["queued"]
        figures = call.figures()
        assert figures["out_clears"] == len(clears) > 0
        assert figures["remote_dropped"] == report["dropped"]
        assert figures["out_lost"] == figures["gap_samples"] == 0
        assert ledger.written + ledger.replayed == ledger.played + ledger.queued + ledger.dropped
        assert ledger.recalled == report["dropped"] + figures["out_unsent"]

        # What the page says it had played of the answer that was cut, and what the core holds of it.
        cut = page.evaluate("cuts.find(({ cut }) => cut.includes('good time'))")
        begin = page.evaluate("starts")[0]
        stopped = next(clear["position"] for clear in clears if clear["position"] > begin)
        assert not [start for start in page.evaluate("starts") if begin < start < stopped]
        assert abs(cut["heard_for_s"] * 24000 - (stopped - begin)) <= cut["bound_s"] * 24000 + 1

        users = [item.inner_text().lower() for item in page.locator("li.you").all()]
        for word in ("saturday", "sunday", "goodbye"):
            assert any(word in text for text in users), (word, users)
        page.get_by_role("button", name="Hang up").click()
        (session,) = site.sessions
        until(lambda: session.closed)
        agent = [message for message in session.history.messages if message.role == "assistant"]
        (kept,) = (message for message in agent if message.interrupted and "Saturday" in message.text)
        shown = page.locator("li.agent", has_text="On Saturday").first
        heard, _, not_heard = shown.inner_text().removeprefix("Agent").partition("not heard:")
        assert " ".join(heard.split()) == kept.text.strip() == cut["heard"].strip()
        assert not_heard.strip()
        assert not page.locator("li[aria-busy=true]").count()  # all of it may be read out
        assert not page.problems


@pytest.mark.parametrize(
    ("allowed", "part"),
    [(True, "There is no microphone"), (False, "did not let this page use the microphone")],
)
def test_without_a_microphone_the_page_says_so(allowed: bool, part: str, opened: Opened, tmp_path: Path) -> None:
    wav = None if allowed else microphone(tmp_path / "mic.wav", [], 1)  # there is one, and it may not be used
    with serving(fakes) as site:
        page = opened(site.url, wav, allowed=allowed)
        page.get_by_role("button", name="Call").click()
        page.get_by_role("alert").wait_for()
        assert part in page.get_by_role("alert").inner_text()
        assert page.get_by_role("button", name="Call").is_enabled()
        assert site.calls.figures()["active"] == 0


def test_what_the_server_refuses_stands_on_the_page(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wav = microphone(tmp_path / "mic.wav", [], 1)
    with serving(fakes, most_calls=1) as site:
        first, second = opened(site.url, wav), opened(site.url, wav)
        first.get_by_role("button", name="Call").click()
        first.locator("li.agent", has_text="Hello there.").wait_for()
        second.get_by_role("button", name="Call").click()
        second.get_by_role("alert").wait_for()
        assert "All lines are taken" in second.get_by_role("alert").inner_text()

        first.get_by_role("button", name="Mute").click()
        assert first.get_by_role("button", name="Unmute").get_attribute("aria-pressed") == "true"
        first.get_by_role("button", name="Hang up").click()
        until(lambda: site.calls.figures()["active"] == 0)

        monkeypatch.setattr("rtaudio.transports.websocket.agreement.VERSION", 2)
        first.get_by_role("button", name="Call").click()
        first.get_by_role("alert").wait_for()
        assert "of another version than the server" in first.get_by_role("alert").inner_text()
        monkeypatch.undo()

        first.get_by_role("button", name="Call").click()
        first.locator("li.agent", has_text="Hello there.").wait_for()
    first.get_by_role("alert").wait_for()
    assert "The server stops." in first.get_by_role("alert").inner_text()
    first.get_by_role("button", name="Call").click()
    first.get_by_role("alert").filter(has_text="cannot be reached").wait_for()
    assert not first.problems


def test_who_hangs_up_while_it_connects_leaves_no_microphone_open(opened: Opened, tmp_path: Path) -> None:
    with serving(fakes) as site:
        page = opened(site.url, microphone(tmp_path / "mic.wav", [], 1))
        page.evaluate(
            """() => {
              const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
              navigator.mediaDevices.getUserMedia = async (wanted) => {
                await new Promise((resolve) => (globalThis.allow = resolve));
                return (globalThis.stream = await ask(wanted));
              };
            }"""
        )
        page.get_by_role("button", name="Call").click()
        page.get_by_role("button", name="Hang up").click()
        page.evaluate("allow()")
        ended = "globalThis.stream?.getTracks().every((track) => track.readyState === 'ended') ?? false"
        until(lambda: page.evaluate(ended))
        assert page.get_by_role("status").inner_text() == "not connected"
        assert site.calls.figures() == {"active": 0, "served": 0, "refused": 0, "failed": 0}
        assert not page.problems
