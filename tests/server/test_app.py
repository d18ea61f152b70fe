"""An app is loaded from a file or a module, or it is said what is wrong with it (law 11)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rtaudio.server import App, AppError, CallInfo, CallSetup, load_app
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice.agent import Agent

CALL = CallInfo("one")
HEAD = """
from rtaudio.server import CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice import Agent
def made(): return CallSetup(agent=Agent(), stt=FakeSTT([]), llm=FakeLLM([""]), tts=FakeTTS())
"""


class Closing(FakeLLM):
    """Counts."""

    closed = 0

    async def aclose(self) -> None:
        self.closed += 1


def setup(llm: FakeLLM | None = None) -> CallSetup:
    return CallSetup(agent=Agent(), stt=FakeSTT([]), llm=llm or FakeLLM([""]), tts=FakeTTS())


async def answered(app: App, times: int = 1) -> list[CallSetup]:
    found = []
    for _ in range(times):
        async with app.answering(CALL) as given:
            found.append(given)
    await app.aclose()
    return found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("app = made()", ""),
        ("def app(call): return made()", ""),
        ("async def app(call): return made()", ""),
        ("other = made()", ":other"),
        (
            "from contextlib import asynccontextmanager\n@asynccontextmanager\nasync def app(call):\n    yield made()",
            "",
        ),
    ],
)
def test_every_form_of_an_app_answers_a_call(text: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "my-app.py"
    path.write_text(HEAD + text)
    (given,) = asyncio.run(answered(load_app(f"{path}{name}")))
    assert isinstance(given, CallSetup)


def test_the_demonstration_s_app_is_a_module() -> None:
    pytest.importorskip("hibari", reason="hibari-tts is not installed: pip install 'rtaudio[local]'")
    pytest.importorskip("pocketsphinx", reason="pocketsphinx is not installed: pip install 'rtaudio[local]'")
    assert load_app("rtaudio.web.demo")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "defines no “app”: a CallSetup, or a function of a call that gives one"),
        ("mine = made()", "there is "),
        ("app = 3", "app is 3: it must be a CallSetup, or a function of a call"),
        ("app = CallSetup", "it must be a CallSetup, or a function of a call"),
        ("def app(): return made()", "cannot be called with one argument, the CallInfo"),
        ("def app(call, more): return made()", "cannot be called with one argument, the CallInfo"),
        ("import nosuchmodule", "ModuleNotFoundError: No module named 'nosuchmodule' (line 6)"),
        ("1/0", "ZeroDivisionError: division by zero (line 6)"),
        ("def app(", "SyntaxError"),
        ("CallSetup(agent=Agent, stt=1, llm=2, tts=3)", "CallSetup: Agent is a class: give an instance, Agent()"),
        (
            "CallSetup(agent=Agent(), stt=FakeSTT([]), llm=FakeLLM, tts=3)",
            "CallSetup: llm is the class FakeLLM: give an",
        ),
        (
            "app = CallSetup(agent=Agent(), stt=FakeSTT([]), llm=FakeLLM(['']), tts=None)",
            "CallSetup: tts missing; give stt, llm and tts, or a realtime model",
        ),
    ],
)
def test_an_app_that_is_none_says_what_is_wrong(text: str, part: str, tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text(HEAD + text)
    with pytest.raises(AppError) as caught:
        load_app(str(path))
    assert part in str(caught.value)
    assert "broken.py" in str(caught.value)


@pytest.mark.parametrize(
    ("where", "part"),
    [
        ("nowhere.py", "nowhere.py: there is no such file"),
        ("no.such.module", "there is no module 'no.such.module'; for a file: no.such.module.py"),
        ("rtaudio.server:nothing", "rtaudio.server defines no “nothing”"),
    ],
)
def test_an_app_that_is_nowhere_says_so(where: str, part: str) -> None:
    with pytest.raises(AppError, match=part.replace("(", r"\(")):
        load_app(where)


def test_what_it_gives_for_a_call_is_checked() -> None:
    def app(call: CallInfo) -> Any:
        return "an agent"

    with pytest.raises(AppError, match=r"gave 'an agent' for a call: it must give a rtaudio\.server\.CallSetup"):
        asyncio.run(answered(App(app)))


def test_shared_providers_are_closed_once_when_the_server_stops() -> None:
    llm = Closing([""])
    asyncio.run(answered(App(setup(llm)), times=3))
    assert llm.closed == 1
    again = Closing([""])
    asyncio.run(answered(App(lambda call: setup(again)), times=3))
    assert again.closed == 1


def test_a_call_s_own_providers_are_its_own() -> None:
    llm = Closing([""])

    @asynccontextmanager
    async def app(call: CallInfo) -> AsyncIterator[CallSetup]:
        yield setup(llm)

    asyncio.run(answered(App(app)))
    assert llm.closed == 0


def test_an_app_that_makes_new_providers_for_each_call_is_told_to_close_them() -> None:
    """Law 8: what is kept to be closed is bounded."""
    with pytest.raises(AppError, match="made more than 64 providers"):
        asyncio.run(answered(App(lambda call: setup()), times=40))


def test_models_of_an_app_that_is_the_same_for_all_are_loaded_at_the_start() -> None:
    given = setup()
    asyncio.run(App(given).warm_up())
    assert given.llm.warm  # type: ignore[attr-defined]


def test_the_line_is_said_however_the_file_was_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken.py").write_text("x = 1\nraise RuntimeError('no key')\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AppError, match=r"broken\.py cannot be loaded: RuntimeError: no key \(line 2\)"):
        load_app("broken.py")


def test_models_that_cannot_be_loaded_are_said_in_words() -> None:
    class Unready(FakeLLM):
        async def warm_up(self) -> None:
            raise RuntimeError("no key")

    app = App(setup(Unready([""])), "app.py:app")
    with pytest.raises(AppError, match=r"app\.py:app: .* cannot be made ready: RuntimeError: no key"):
        asyncio.run(app.warm_up())
