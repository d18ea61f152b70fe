"""Virtual time: it leaps to timers, stands still for computing and for the world outside, and finds deadlocks."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtaudio.testing import Deadlock, VirtualTimeLoop, run
from rtaudio.voice import outside
from rtaudio.voice.clock import now_ns


def test_time_is_exact() -> None:
    async def main() -> int:
        begin = now_ns()
        for _ in range(6000):
            await asyncio.sleep(0.01)
        return now_ns() - begin

    assert run(main()) == 60_000_000_000


@given(st.lists(st.integers(0, 5_000), max_size=20))
def test_timers_fire_in_order_and_at_their_time(delays_ms: list[int]) -> None:
    async def main() -> list[tuple[int, int]]:
        begin, fired = now_ns(), []

        async def one(delay_ms: int) -> None:
            await asyncio.sleep(delay_ms / 1000)
            fired.append(((now_ns() - begin), delay_ms))

        await asyncio.gather(*map(one, delays_ms))
        return fired

    fired = run(main())
    assert [delay for _, delay in fired] == sorted(delays_ms)
    assert all(at == delay * 1_000_000 for at, delay in fired)


def test_a_function_in_an_executor_takes_no_time_and_runs_in_order() -> None:
    async def main() -> None:
        begin, order = now_ns(), list[int]()
        first = asyncio.get_running_loop().run_in_executor(None, order.append, 1)
        order.append(2)
        await first
        assert await asyncio.to_thread(lambda: threading.current_thread()) is threading.main_thread()
        assert order == [1, 2]
        assert now_ns() == begin
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)

    run(main())


def test_time_stands_still_while_the_outside_world_is_awaited() -> None:
    async def main() -> None:
        here, there = socket.socketpair()
        here.setblocking(False)
        late = asyncio.ensure_future(asyncio.sleep(0.001))
        begin = now_ns()
        answer = threading.Timer(0.05, lambda: there.send(b"x"))
        answer.start()
        with outside():
            received = await asyncio.get_running_loop().sock_recv(here, 1)
        assert received == b"x"
        assert now_ns() == begin
        assert not late.done()
        await late
        answer.join()
        here.close()
        there.close()

    run(main())


def test_a_time_out_of_the_loop_does_not_run_down_outside() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        thread = threading.Timer(0.02, lambda: loop.call_soon_threadsafe(done.set_result, 7))
        thread.start()
        async with asyncio.timeout(0.001):
            with outside():
                assert await done == 7
        thread.join()

    run(main())


def test_outside_does_nothing_on_an_ordinary_loop() -> None:
    async def main() -> None:
        with outside():
            await asyncio.sleep(0)
        assert abs(now_ns() - time.monotonic_ns()) < 10**9

    asyncio.run(main())


def test_a_wait_that_nothing_can_end_is_found() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(Deadlock, match="outside"):
        run(main())


def test_a_loop_can_be_made_by_hand() -> None:
    loop = VirtualTimeLoop(start_ns=5)
    try:
        assert loop.run_until_complete(asyncio.sleep(1.5, "x")) == "x"
        assert loop.now_ns() == 1_500_000_005
    finally:
        loop.close()
