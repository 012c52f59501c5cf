import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from conselho.server import bodies
from conselho.settings import Settings
from tests.looping import on_a_loop
from tests.server.desk import PATIENCE_SECONDS, Desk, served

JSON = {"Content-Type": "application/json"}
MIB = 1024 * 1024


def wish_of(size: int) -> bytes:
    """A wish that takes just so many bytes."""
    body = json.dumps({"argv": ["true"], "cwd": "/", "context": {"a": ""}}).encode()
    return body.replace(b'""', b'"' + b"x" * (size - len(body)) + b'"')


async def in_parts(body: bytes) -> AsyncIterator[bytes]:
    """A body of which nobody says how long it is."""
    for start in range(0, len(body), 100_000):
        yield body[start : start + 100_000]


async def post(desk: Desk, content: bytes | AsyncIterator[bytes]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=desk.url, trust_env=False, timeout=PATIENCE_SECONDS) as http:
        return await http.post("/api/v1/executions", content=content, headers=JSON)


def _head(desk: Desk, length: int, *more: str) -> bytes:
    host = desk.url.removeprefix("http://")
    lines = ("POST /api/v1/executions HTTP/1.1", f"Host: {host}", f"Content-Length: {length}", *more)
    return "\r\n".join((*lines, "Content-Type: application/json", "", "")).encode()


@on_a_loop
async def test_a_body_of_1_mib_is_taken_and_a_byte_more_is_not(settings: Settings) -> None:
    async with served(settings) as desk:
        assert (await post(desk, wish_of(MIB))).status_code == 202
        assert (await post(desk, in_parts(wish_of(MIB)))).status_code == 202
        for body in (wish_of(MIB + 1), in_parts(wish_of(MIB + 1)), wish_of(5 * MIB), in_parts(wish_of(5 * MIB))):
            answer = await post(desk, body)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert await desk.count() == 2


@on_a_loop
async def test_who_asks_first_whether_to_send_too_much_is_told_not_to(settings: Settings) -> None:
    async with served(settings) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(desk.url).port)
        writer.write(_head(desk, 10 * MIB, "Expect: 100-continue"))
        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        writer.close()


@on_a_loop
async def test_bodies_that_wait_are_bounded_and_who_comes_then_is_told_when_to_come_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODIES_BYTES_MAX", 1_000_000)
    async with served(settings) as desk:
        half = asyncio.Event()
        more = asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            body = wish_of(950_000)
            yield body[:900_000]
            half.set()
            await more.wait()
            yield body[900_000:]

        slow = asyncio.ensure_future(post(desk, slowly()))
        await half.wait()
        answer = await post(desk, wish_of(1_000_000 - 1))
        assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
        assert answer.headers["Retry-After"] == "1"
        more.set()
        assert (await slow).status_code == 202
        assert (await post(desk, wish_of(1_000_000 - 1))).status_code == 202, "what was answered counts no more"


@on_a_loop
async def test_a_body_that_does_not_come_is_not_waited_for_without_end(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.2)
    async with served(settings) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(desk.url).port)
        writer.write(_head(desk, 100) + b"{")
        assert (await reader.readline()).startswith(b"HTTP/1.1 408 ")
        writer.close()


@on_a_loop
async def test_a_client_that_goes_away_while_it_sends_leaves_nothing_behind(settings: Settings) -> None:
    async with served(settings) as desk:
        half = asyncio.Event()

        async def broken() -> AsyncIterator[bytes]:
            yield wish_of(900_000)[:800_000]
            half.set()
            await asyncio.Event().wait()

        sending = asyncio.ensure_future(post(desk, broken()))
        await half.wait()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        assert (await post(desk, wish_of(1_000))).status_code == 202
        assert await desk.count() == 1
