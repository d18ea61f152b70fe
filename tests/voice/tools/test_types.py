"""A user's tools, as mypy --strict reads them: right uses pass, and each wrong one is an error of its own kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent.parent
PROGRAM = '''
from dataclasses import dataclass
from typing import assert_type

from rtaudio.voice import ChatContext, ChatMessage, Session, ToolCall, ToolUse
from rtaudio.voice.tools import Batch, SessionHandle, Tool, ToolContext, ToolRunner, Toolset, tool


@dataclass
class Guests:
    name: str


class Shop:
    @tool
    def look(self, word: str) -> str:
        """Looks."""
        return word

    @tool(timeout_s=5, on_interruption="ask", retries=1, retry_on=ConnectionError)
    async def buy(self, context: ToolContext[Guests], count: int = 1) -> int:
        """Buys."""
        assert_type(context.data, Guests)
        assert_type(context.session, SessionHandle)
        context.say(context.data.name)
        context.data.nmae  # type: ignore[attr-defined]
        return count


@tool
def plain(context: ToolContext, count: int) -> list[int]:
    """Counts."""
    assert_type(context.data, None)
    return [count]


async def use(shop: Shop, guests: ToolContext[Guests], session: Session) -> None:
    handle: SessionHandle = session
    bound: Tool[[str], str] = shop.look
    assert_type(shop.look("tea"), str)
    assert_type(await shop.buy(guests, 2), int)
    assert_type(shop.look.name, str)
    shop.look(7)  # type: ignore[arg-type]
    await shop.buy("x")  # type: ignore[arg-type]
    async with ToolRunner(Toolset(shop, plain), data=Guests("Ann"), session=handle) as runner:
        batch = runner.submit([ToolCall("c1", "look", "{}")])
        assert_type(batch, Batch)
        assert_type(await batch.results, tuple[ToolUse, ...])
        ChatContext().append(ChatMessage("assistant", "", tools=await runner.run([])))
    del bound

'''


def test_a_user_s_tools_pass_the_strict_checks_and_wrong_uses_do_not(tmp_path: Path) -> None:
    """The ignores are needed: --strict says so of each that is not."""
    pytest.importorskip("mypy", reason="mypy is not installed: it is part of rtaudio[dev]")
    program = tmp_path / "user.py"
    program.write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir", ".mypy_cache/docs"]
    done = subprocess.run([*command, str(program)], cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", ["pydantic", "docstring_parser"])
def test_without_its_packages_it_says_which_extra_brings_them(package: str) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; import rtaudio.voice; import rtaudio.voice.tools"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert f"ImportError: rtaudio.voice.tools needs {package}: pip install 'rtaudio[tools]'" in done.stderr


def test_the_agent_layer_alone_loads_nothing_of_it() -> None:
    code = "import sys, rtaudio.voice; print(*(m for m in ('pydantic', 'rtaudio.voice.tools') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
