"""A runner for tests: keeps what it told, leaves nothing, and does again what it did."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from rtaudio.voice.chat import ToolUse
from rtaudio.voice.protocols import ToolCall
from rtaudio.voice.tools import LateResult, Progress, ToolRunner, Toolset
from rtaudio.voice.tools import call_effects as do
from rtaudio.voice.tools import call_items as it
from rtaudio.voice.tools.calls import Calls


def call(name: str, arguments: str = "{}", call_id: str = "") -> ToolCall:
    return ToolCall(call_id or name, name, arguments)


@dataclass
class Told:
    """What a runner told while it ran."""

    late: list[LateResult] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    failed: list[BaseException] = field(default_factory=list)
    record: list[it.CallItem | do.CallEffect] = field(default_factory=list)


@contextlib.asynccontextmanager
async def runner(*tools: Any, **options: Any) -> AsyncIterator[tuple[ToolRunner, Told]]:
    """Closed at the end, with nothing left behind; and what it recorded is what its machine does again (law 5)."""
    told = Told()
    tasks = asyncio.all_tasks()
    made = ToolRunner(
        Toolset(*tools),
        late=told.late.append,
        progress=told.progress.append,
        failed=lambda _, error: told.failed.append(error),
        record=told.record.append,
        **options,
    )
    async with made:
        yield made, told
    assert asyncio.all_tasks() == tasks
    machine = Calls(options.get("at_once", 16))
    effects = [effect for item in told.record if isinstance(item, it.CallItem) for effect in machine.handle(item)]
    assert effects == [effect for effect in told.record if isinstance(effect, do.CallEffect)]


def outputs(uses: tuple[ToolUse, ...]) -> list[str]:
    return [use.output for use in uses]
