"""A server in a thread of its own, a Chromium, and a WAV for its microphone, all made on the spot."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Opened = Callable[..., Any]
MIC_RATE = 48000


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where a Chromium is."""
    pytest.importorskip("playwright", reason="playwright is not installed: pip install 'rtaudio[test]'")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("there is no Chromium (Debian: apt install chromium)")
    return found


@pytest.fixture(scope="module")
def browsers(chromium: str) -> Iterator[Any]:
    """Playwright's driver of Chromium. While it is there its event loop is this thread's: no test of the module may
    run another."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture
def opened(browsers: Any, chromium: str) -> Iterator[Opened]:
    """Opens a page: `microphone`, a WAV; None: there is none; `allowed`: the user allows it."""
    running = []

    def page(url: str, microphone: Path | None = None, *, allowed: bool = True) -> Any:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        if allowed:
            arguments.append("--use-fake-ui-for-media-stream")
        if microphone is not None:
            arguments += [
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}%noloop",
            ]
        browser = browsers.launch(executable_path=chromium, args=arguments)
        running.append(browser)
        opened_page = browser.new_page(viewport={"width": 820, "height": 900})
        opened_page.set_default_timeout(60_000)
        opened_page.problems = []
        opened_page.on("pageerror", lambda error: opened_page.problems.append(str(error)))
        opened_page.goto(url)
        return opened_page

    yield page
    for browser in running:
        browser.close()


@dataclass
class Site:
    """A server in a thread: its address, its calls, and the sessions that there were."""

    url: str
    calls: Any
    loop: asyncio.AbstractEventLoop
    sessions: list[Any] = field(default_factory=list)

    def call(self) -> Any:
        """The call under way."""
        return next(each for each in self.calls._running.values() if each is not None)


@contextmanager
def serving(setup: Callable[[Callable[[Any], None]], Any], *, most_calls: int = 4, vad: Any = None) -> Iterator[Site]:
    """Serves what `setup` gives, which is handed what to give as `on_start`."""
    from aiohttp import web

    from rtaudio.server import App
    from rtaudio.server.calls import Calls
    from rtaudio.web.site import site

    ready: list[Site] = []
    started, stop = threading.Event(), asyncio.Event()
    failed: list[BaseException] = []
    sessions: list[Any] = []

    async def main() -> None:
        async with Calls(App(setup(sessions.append)), most_calls=most_calls, vad=vad) as calls:
            runner = web.AppRunner(site(calls), access_log=None, shutdown_timeout=0.5)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
            ready.append(Site(url, calls, asyncio.get_running_loop(), sessions))
            started.set()
            await stop.wait()
            await calls.aclose()
            await runner.cleanup()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failed.append(error)
        finally:
            started.set()

    thread = threading.Thread(target=run, name="site")
    thread.start()
    started.wait()
    try:
        if failed:
            raise failed[0]
        yield ready[0]
    finally:
        if ready:
            ready[0].loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive(), "the server did not stop"
    if failed:
        raise failed[0]


@pytest.fixture(scope="session")
def spoken() -> Callable[[str], NDArray[np.float32]]:
    """The caller's voice at 48 kHz."""
    for package in ("hibari", "pocketsphinx", "soxr"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'rtaudio[local]'")
    from rtaudio.cli.wav import resample
    from rtaudio.providers.hibari import RATE, HibariVoice

    voice = HibariVoice(pitch=0.88)
    return lambda text: resample(voice.say(text).samples, RATE, MIC_RATE)


def microphone(path: Path, clips: Sequence[tuple[float, NDArray[np.float32]]], seconds: float) -> Path:
    """A WAV in which each clip begins at its second."""
    from rtaudio.cli.wav import WavWriter

    sound = np.zeros(round(seconds * MIC_RATE), np.float32)
    for at, clip in clips:
        begin = round(at * MIC_RATE)
        sound[begin : begin + len(clip)] += clip
    with WavWriter(path, MIC_RATE, 1) as file:
        file.write(sound[:, np.newaxis])
    return path
