"""`rtaudio serve`: calls over WebSocket in this process, and the page to make them from."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import logging
import signal
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from rtaudio.cli.errors import CommandError
from rtaudio.providers.packages import need
from rtaudio.server.app import App, AppError, load_app
from rtaudio.voice import Watchdog

DEFAULT_APP: Final = "rtaudio.web.demo"
BLOCKED_S: Final = 0.4
"""Twice what speech is sent ahead, since half of this may be told already: what blocks the event loop so long is heard,
and which function it was stands on the log."""


def run(options: argparse.Namespace) -> None:
    """The command."""
    for module in ("aiohttp", "msgspec"):
        need(module, extra="serve", wanted_by="rtaudio serve")
    logging.basicConfig(level=logging.INFO if options.verbose else logging.WARNING, format="%(name)s: %(message)s")
    where = options.app or DEFAULT_APP
    try:
        app = load_app(where)
    except AppError as error:
        raise CommandError(str(error)) from error
    asyncio.run(_serve(app, where, options))


async def _serve(app: App, where: str, options: argparse.Namespace) -> None:
    from aiohttp import web

    from rtaudio.server.calls import Calls
    from rtaudio.web.site import is_loopback, site

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, _stop, stop)
    _say(f"Getting {where} ready …")
    try:
        calls = Calls(app, most_calls=options.calls, server=f"rtaudio {_version()}", note=_say)
    except ValueError as error:
        raise CommandError(f"--calls: {error}") from error
    try:
        async with calls, Watchdog(after_s=BLOCKED_S):
            application = site(calls, host=options.host, origins=options.origin)
            runner = web.AppRunner(application, access_log=None, handle_signals=False, shutdown_timeout=2.0)
            await runner.setup()
            try:
                listening = web.TCPSite(runner, options.host, options.port)
                try:
                    await listening.start()
                except OSError as error:
                    raise CommandError(_why(error, options)) from error
                port = runner.addresses[0][1]
                _say(f"Serving {where} at http://{_shown(options.host)}:{port}/  (Ctrl-C ends it)")
                if not is_loopback(options.host):
                    _say(
                        "Browsers give pages a microphone over https or on localhost only: put a proxy with a "
                        "certificate before it. Whoever reaches this address can call."
                    )
                await stop.wait()
                _say("Stopping.")
                await calls.aclose()
            finally:
                await runner.cleanup()
    except AppError as error:
        raise CommandError(str(error)) from error


def _stop(stop: asyncio.Event) -> None:
    if stop.is_set():  # asked twice: at once
        raise KeyboardInterrupt
    stop.set()


def _say(text: str) -> None:
    print(text, flush=True)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _why(error: OSError, options: argparse.Namespace) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {options.port} is in use: choose another with --port, or 0 for any that is free"
    if error.errno == errno.EACCES:
        return f"port {options.port} may not be used: choose one above 1023 with --port"
    return f"cannot listen at {options.host}:{options.port}: {error.strerror or error}"


def _version() -> str:
    try:
        return version("rtaudio")
    except PackageNotFoundError:
        return "from its sources"
