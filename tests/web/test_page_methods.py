"""Calls between the agent and the page in a real browser: the page asks the user, and calls what the app offers."""

from __future__ import annotations

import asyncio
import runpy
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("pydantic", reason="pydantic is not installed: pip install 'rtaudio[tools]'")

from rtaudio.server import CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice.agent import Agent
from rtaudio.voice.rpc import RpcCode, RpcError
from rtaudio.voice.tools import session_methods
from tests.web.conftest import Opened, Site, microphone, serving
from tests.web.test_conversation import until


def add(a: int, b: int) -> int:
    return a + b


async def sleep(seconds: float) -> None:
    await asyncio.sleep(seconds)


def fakes(on_start: Callable[[Any], None]) -> CallSetup:
    return CallSetup(
        agent=Agent(),
        stt=FakeSTT([]),
        llm=FakeLLM([""]),
        tts=FakeTTS(words=True),
        methods=[add, sleep, *session_methods("say")],
        on_start=on_start,
    )


@pytest.fixture
def called(opened: Opened, tmp_path: Path) -> Any:
    """A page in a call, and its site."""
    with serving(fakes) as site:
        page = opened(site.url, microphone(tmp_path / "mic.wav", [], 1))
        page.get_by_role("button", name="Call").click()
        page.get_by_role("status").filter(has_text="listening").wait_for()
        until(lambda: bool(site.sessions))
        yield page, site
        assert not page.problems


def ask(site: Site, method: str, params: Any, timeout_s: float = 10.0) -> Future[Any]:
    work: Coroutine[Any, Any, Any] = site.sessions[0].call_client(method, params, timeout_s=timeout_s)
    return asyncio.run_coroutine_threadsafe(work, site.loop)


def test_the_agent_asks_the_user_on_the_page(called: Any) -> None:
    page, site = called
    question = {"question": "Which branch?", "choices": ["Main street", "Harboür <b>"]}
    answer = ask(site, "choose", question)
    page.get_by_text("Which branch?").wait_for()
    with pytest.raises(RpcError, match="asked something else"):
        ask(site, "choose", question).result(10)
    page.get_by_role("button", name="Harboür <b>").click()
    assert answer.result(10) == "Harboür <b>"
    assert page.locator("#question").is_hidden()

    slow = ask(site, "choose", question, timeout_s=0.5)  # nobody presses
    with pytest.raises(RpcError) as caught:
        slow.result(10)
    assert caught.value.code == RpcCode.RESPONSE_TIMEOUT
    until(lambda: page.locator("#question").is_hidden())  # the page was told

    assert ask(site, "set_colour", {"colour": "rebeccapurple"}).result(10) is None
    assert page.evaluate("document.documentElement.style.getPropertyValue('--accent')") == "rebeccapurple"
    for method, params, code in (
        ("set_colour", {"colour": "no colour"}, RpcCode.INVALID_PARAMS),
        ("choose", {"question": "?", "choices": []}, RpcCode.INVALID_PARAMS),
        ("unknown", None, RpcCode.UNSUPPORTED_METHOD),
    ):
        with pytest.raises(RpcError) as caught:
            ask(site, method, params).result(10)
        assert caught.value.code == code, method


def test_the_page_calls_what_the_app_offers(called: Any) -> None:
    page, _ = called
    assert page.evaluate("rtaudio.client.call('add', { a: 2, b: 3 })") == 5
    fails = """async ([method, params, options]) => {
      try { await rtaudio.client.call(method, params, options); } catch (error) { return error.code ?? error.name; }
    }"""
    for method, params, options, code in (
        ("add", {"a": "x", "b": 1}, {}, RpcCode.INVALID_PARAMS),
        ("interrupt", None, {}, RpcCode.UNSUPPORTED_METHOD),
        ("add", {"a": "x" * 16_000, "b": 1}, {}, RpcCode.REQUEST_PAYLOAD_TOO_LARGE),
        ("sleep", {"seconds": 30}, {"timeoutMs": 300}, RpcCode.RESPONSE_TIMEOUT),
    ):
        assert page.evaluate(fails, [method, params, options]) == code, method
    dropped = """async () => {
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 200);
      return rtaudio.client.call("sleep", { seconds: 9 }, { signal: stop.signal }).catch((error) => error.name);
    }"""
    assert page.evaluate(dropped) == "AbortError"
    page.evaluate("rtaudio.client.call('say', { text: 'At your service.' })")
    page.locator("li.agent", has_text="At your service.").wait_for()
    half = "rtaudio.client.call('say', { text: 'Half \\ud800 a character.' })"
    page.evaluate(half)
    page.locator("li.agent", has_text="a character.").wait_for()


def test_the_user_writes_where_the_app_takes_text(opened: Opened, tmp_path: Path) -> None:
    def setup(on_start: Callable[[Any], None]) -> CallSetup:
        llm = FakeLLM(lambda chat: f"You wrote {chat.last_user_text()}.")
        methods = session_methods("user_text")
        return CallSetup(
            agent=Agent(), stt=FakeSTT([]), llm=llm, tts=FakeTTS(words=True), methods=methods, on_start=on_start
        )

    with serving(setup) as site:
        page = opened(site.url, microphone(tmp_path / "mic.wav", [], 1))
        box = page.get_by_label("Write to the agent")
        assert box.is_hidden()
        page.get_by_role("button", name="Call").click()
        box.wait_for()
        box.fill("Tea <b> & milk")
        box.press("Enter")
        page.locator("li.you", has_text="Tea <b> & milk").wait_for()
        page.locator("li.agent[aria-busy=false]", has_text="You wrote Tea <b> & milk.").wait_for()
        assert box.input_value() == ""
        box.fill("   ")
        page.get_by_role("button", name="Send").click()  # nothing to say: nothing is sent
        box.fill("?!")
        page.get_by_role("button", name="Send").click()
        page.locator("li.notice.problem", has_text="This was not sent: generate_reply: nothing to answer").wait_for()
        assert box.input_value() == "?!"
        assert page.locator("li.you").count() == 1
        page.get_by_role("button", name="Hang up").click()
        assert box.is_hidden()
        assert not page.problems


def test_there_is_no_box_where_the_app_takes_no_text(called: Any) -> None:
    page, _ = called
    assert page.evaluate("rtaudio.client.welcome.methods") == ["add", "sleep", "say"]
    assert page.get_by_label("Write to the agent").is_hidden()


def test_what_was_asked_ends_with_the_call(called: Any) -> None:
    page, site = called
    page.evaluate("rtaudio.client.serve('forever', () => new Promise(() => {}))")
    asks = "rtaudio.client.call('sleep', { seconds: 60 }).catch((error) => error.code)"
    page.evaluate(f"() => {{ globalThis.asked = {asks}; }}")
    answer = ask(site, "forever", None, timeout_s=60)
    time.sleep(0.3)
    page.get_by_role("button", name="Hang up").click()
    with pytest.raises(RpcError) as caught:
        answer.result(10)
    assert caught.value.code == RpcCode.RECIPIENT_DISCONNECTED
    assert page.evaluate("asked") == RpcCode.RECIPIENT_DISCONNECTED


def test_the_example_asks_on_the_page(opened: Opened, tmp_path: Path) -> None:
    """examples/page.py, with text in the place of speech."""
    for package in ("hibari", "pocketsphinx", "soxr"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'rtaudio[local]'")
    example = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "page.py"))
    with serving(lambda started: example["app"]) as site:
        page = opened(site.url, microphone(tmp_path / "mic.wav", [], 1))
        page.get_by_role("button", name="Call").click()
        page.get_by_role("status").filter(has_text="listening").wait_for()
        page.get_by_label("Write to the agent").fill("Which branch is open?")
        page.get_by_role("button", name="Send").click()
        page.get_by_role("button", name="Harbour").click()
        page.locator("li.agent", has_text="Harbour is open until seven.").wait_for()
        page.evaluate("rtaudio.client.call('user_text', { text: 'Make it green.' })")
        colour = "document.documentElement.style.getPropertyValue('--accent')"
        until(lambda: page.evaluate(colour) == "green")
        assert not page.problems
