"""The other side of processes.py: reads calls, runs tools, answers. Ends when its input does."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import os
import signal
import sys
from types import ModuleType
from typing import Any

from rtaudio.voice.tools.definition import Tool
from rtaudio.voice.tools.running import Outcome, attempt, outcome_of


def main() -> None:
    """Arguments: the descriptors to read from and to write to."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program's own to handle
    lines = os.fdopen(int(sys.argv[1]), encoding="utf-8")
    answers = os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    main_file = json.loads(lines.readline() or "{}").get("main")
    for line in lines:
        ask = json.loads(line)
        outcome = run(find(*ask["tool"], main_file), ask["arguments"])
        error = None if outcome.error is None else f"{type(outcome.error).__name__}: {outcome.error}"
        answer = {"text": outcome.text, "failed": outcome.failed, "transient": outcome.transient, "error": error}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def run(tool: Tool[..., Any] | BaseException, arguments: str) -> Outcome:
    """One call; an import that failed is its outcome."""
    if isinstance(tool, BaseException):
        return Outcome("The tool cannot be run.", failed=True, error=tool)
    checked: dict[str, Any] = {}

    def call() -> Any:
        checked.update(tool.check(arguments))

    prepared = outcome_of(tool, call)
    return prepared if prepared.failed else attempt(tool, checked, None)


@functools.cache
def find(module: str, name: str, main_file: str | None) -> Tool[..., Any] | BaseException:
    """The tool of that name, or why it is not to be had."""
    try:
        found: Any = load_main(main_file) if module == "__main__" else importlib.import_module(module)
        for step in name.split("."):
            found = getattr(found, step)
        if not isinstance(found, Tool):
            raise TypeError(f"{module}.{name} is {type(found).__name__}, no tool")
        return found
    except BaseException as error:  # whatever importing a user's module may do
        return error


@functools.cache
def load_main(path: str | None) -> ModuleType:
    """The program itself, without what it does only when it is the program."""
    spec = importlib.util.spec_from_file_location("__mp_main__", path) if path else None
    if spec is None or spec.loader is None:
        raise ImportError("the program is no file: put the tool into a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
