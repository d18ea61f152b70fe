"""`rtaudio serve` as its user runs it: says its address, serves the page, ends when told to, refuses with a reason."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Command

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")

APP = """
from rtaudio.server import CallSetup
from rtaudio.testing import FakeLLM, FakeSTT, FakeTTS
from rtaudio.voice import Agent
app = CallSetup(agent=Agent(greeting="Hello."), stt=FakeSTT([]), llm=FakeLLM([""]), tts=FakeTTS())
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(APP)
    return path


@contextmanager
def serving(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the address that it says."""
    command = [sys.executable, "-m", "rtaudio.cli", "serve", "--port", "0", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"at (http://\S+/)", line):
                yield process, found[1]
                break
        else:
            raise AssertionError(process.communicate(timeout=10)[1])
    finally:
        process.kill()
        process.communicate(timeout=10)


def get(url: str, host: str | None = None) -> tuple[int, str, str]:
    request = urllib.request.Request(url, headers={} if host is None else {"Host": host})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=20) as answer:
            return answer.status, answer.headers.get_content_type(), answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get_content_type(), error.read().decode()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_page_and_ends_when_told_to(by: signal.Signals, app: Path) -> None:
    with serving(app) as (process, url):
        status, kind, page = get(url)
        assert (status, kind) == (200, "text/html")
        for part in set(re.findall(r'"(static/[^"]+)"', page)):
            assert get(url + part)[0] == 200, part
        assert get(url + "static/client.js")[1] in ("text/javascript", "application/javascript")
        assert get(url + "readyz")[2] == '{"active": 0, "served": 0, "refused": 0, "failed": 0}'
        assert get(url + "ws")[0] == 426
        assert get(url + "static/../site.py")[0] == 404
        process.send_signal(by)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors
        assert "Traceback" not in errors


def test_a_name_of_another_site_leads_nowhere(app: Path) -> None:
    """No page of the net may reach a server of this machine by a name that it points here."""
    with serving(app) as (_, url):
        assert get(url, "elsewhere.example")[0] == 421
        assert get(url, "localhost")[0] == 200


def test_a_port_in_use_is_said(app: Path, rtaudio: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = rtaudio("serve", app, "--port", str(port))
        assert done.returncode == 1
        assert f"port {port} is in use: choose another with --port" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "part"),
    [
        (["nowhere.py"], 1, "nowhere.py: there is no such file"),
        (["--port", "70000"], 2, "no port"),
        (["--origin", "example.org"], 2, "no origin: https://example.org"),
        (["--origin", "http://["], 2, "no origin"),
        (["--calls", "0"], 1, "--calls: most_calls = 0: must lie in 1..64"),
        (["--host", "203.0.113.1"], 1, "cannot listen at 203.0.113.1"),
    ],
)
def test_what_cannot_be_is_said_without_a_traceback(
    arguments: list[str], status: int, part: str, app: Path, rtaudio: Command
) -> None:
    done = rtaudio("serve", *([] if arguments[0].endswith(".py") else [app]), *arguments)
    assert done.returncode == status
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_an_origin_is_taken_as_a_browser_writes_it(app: Path) -> None:
    with serving(app, "--origin", "https://Example.org/") as (_, url):
        request = urllib.request.Request(url + "static/client.js", headers={"Origin": "https://example.org"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == "https://example.org"
