"""The HTTP side, as whoever means ill or is elsewhere meets it: names, origins, paths, connections that break off."""

from __future__ import annotations

import asyncio
import logging
import socket

import pytest

pytest.importorskip("aiohttp", reason="aiohttp is not installed: pip install 'rtaudio[serve]'")
pytest.importorskip("msgspec", reason="msgspec is not installed: pip install 'rtaudio[serve]'")

from tests.transports.conftest import Served, run, served

UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
)


async def asked(there: Served, path: str, *headers: str, host: str = "localhost") -> tuple[int, dict[str, str], str]:
    """Status, headers (names in small letters) and body; what is sent is what is written here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", there.port)
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *headers]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = "" if head[0].startswith("HTTP/1.1 101") else (await reader.read()).decode("utf-8", "replace")
    writer.close()
    await writer.wait_closed()
    return int(head[0].split()[1]), fields, body


@pytest.mark.parametrize("host", ["elsewhere.example", "127.0.0.1.elsewhere.example", "[::", "a b", "", "[::1"])
def test_what_is_no_name_of_this_machine_is_not_answered_to(host: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as there:
            status, _, body = await asked(there, "/", host=host)
            assert status == 421
            assert "loopback" in body

    run(main())
    assert not caplog.records


@pytest.mark.parametrize(
    "origin", ["https://elsewhere.example", "null", "", "http://[", "http://localhost.elsewhere.example", "http://localhost:1"]
)  # fmt: skip
def test_no_page_of_elsewhere_opens_the_websocket(origin: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as there:
            status, _, body = await asked(there, "/ws", UPGRADE, f"Origin: {origin}")
            assert status == 403
            assert "may not open this WebSocket (--origin allows it)" in body
            assert there.calls.figures()["active"] == 0

    run(main())
    assert not caplog.records


def test_a_page_that_is_named_may_call_and_import_the_client() -> None:
    """A module of another origin is taken by a browser only if this server says that it may be."""
    page = "https://page.example"

    async def main() -> None:
        async with served(origins=(page,)) as there:
            for part in ("client.js", "player-worklet.js"):
                status, headers, _ = await asked(there, f"/static/{part}", f"Origin: {page}")
                assert (status, headers.get("access-control-allow-origin")) == (200, page)
                _, headers, _ = await asked(there, f"/static/{part}", "Origin: https://elsewhere.example")
                assert "access-control-allow-origin" not in headers
            _, headers, _ = await asked(there, "/readyz", f"Origin: {page}")
            assert "access-control-allow-origin" not in headers
            status, _, _ = await asked(there, "/ws", UPGRADE, f"Origin: {page}")
            assert status == 101

    run(main())


@pytest.mark.parametrize("path", ["../site.py", "%2e%2e/site.py", "..%2fsite.py", "/etc/passwd", "%00", "a" * 5000])
def test_nothing_but_the_page_is_handed_out(path: str, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as there:
            status, headers, body = await asked(there, f"/static/{path}")
            assert status in (403, 404)
            assert headers["x-content-type-options"] == "nosniff"
            assert "script" not in headers["content-security-policy"]
            assert "/" not in body

    run(main())
    assert not caplog.records


def test_a_browser_that_goes_while_it_connects_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as there:
            for _ in range(20):
                with socket.create_connection(("127.0.0.1", there.port)) as client:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                    client.send(f"GET /ws HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n\r\n".encode())
            status, _, _ = await asked(there, "/readyz")  # taken up after them
            assert status == 200
            while there.calls.active:  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.01)

    with caplog.at_level(logging.WARNING):
        run(main())
    assert not caplog.records
