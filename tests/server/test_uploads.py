"""Files come in at one door, in pieces, in time, and from nobody's page but ours."""

import asyncio
from pathlib import Path

import httpx
import pytest

from conselho import errors
from conselho.server import guard, uploads
from conselho.settings import Settings
from tests.looping import on_a_loop, until
from tests.server.desk import Desk, served
from tests.server.test_guard import HOST, JSON, scope

DOOR = "/api/v1/cards/1/attachments"
BYTES = "application/octet-stream"
MIB = 1024 * 1024


def check(*headers: tuple[str, str], path: str = DOOR, method: str = "POST") -> None:
    guard.check({**scope(method, *headers), "path": path})


@pytest.mark.parametrize("media_type", [BYTES, "image/png", "image/jpeg", "image/gif", "image/webp", JSON])
def test_a_file_is_let_in_as_a_type_for_which_a_browser_asks_first(media_type: str) -> None:
    check(("content-type", media_type))
    check(
        ("content-type", f"{media_type.upper()}; a=b"), ("sec-fetch-site", "same-origin"), ("origin", f"http://{HOST}")
    )


@pytest.mark.parametrize(
    "headers",
    [
        (), (("content-type", ""),), (("content-type", "text/plain"),),
        (("content-type", "multipart/form-data; boundary=x"),),
        (("content-type", "application/x-www-form-urlencoded"),),
        (("content-type", BYTES), ("content-type", BYTES)),
        (("content-type", f"text/plain; {BYTES}"),), (("content-type", f"text/plain, {BYTES}"),),
        (("content-type", "text/html"),), (("content-type", "image/svg+xml"),),
    ],
)  # fmt: skip
def test_what_any_page_may_send_without_being_asked_is_no_file(headers: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(errors.NotJson, match="octet-stream"):
        check(*headers)


@pytest.mark.parametrize(
    "said",
    [
        ("origin", "http://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "null"),
    ],
)
def test_a_foreign_page_sends_no_file_either(said: tuple[str, str]) -> None:
    with pytest.raises(errors.ForeignPage):
        check(("content-type", BYTES), said)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/cards"), ("POST", "/api/v1/cards/1/move"), ("POST", "/api/v1/cards/1/attachments/x"),
        ("POST", "/api/v1/cards/1/x/attachments"), ("POST", f"{DOOR}/"), ("POST", f"/x{DOOR}"), ("PUT", DOOR),
        ("PATCH", DOOR), ("POST", f"{DOOR}\n"),
    ],
)  # fmt: skip
def test_no_other_door_takes_what_is_no_json(method: str, path: str) -> None:
    with pytest.raises(errors.NotJson):
        check(("content-type", BYTES), ("content-length", "5"), path=path, method=method)


def lying(settings: Settings) -> list[Path]:
    return [each for each in (settings.data_dir / "attachments").rglob("*") if each.is_file()]


async def begin(desk: Desk, length: int, *more: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Say that a file is coming, and send nothing of it yet."""
    reader, writer = await asyncio.open_connection("127.0.0.1", httpx.URL(desk.url).port)
    host = desk.url.removeprefix("http://")
    lines = (f"POST {DOOR}?name=a.txt HTTP/1.1", f"Host: {host}", f"Content-Length: {length}", f"Content-Type: {BYTES}")
    writer.write("\r\n".join((*lines, *more, "", "")).encode())
    return reader, writer


async def status(reader: asyncio.StreamReader) -> int:
    return int((await reader.readline()).split()[1])


@on_a_loop
async def test_a_file_that_does_not_come_is_not_waited_for_and_leaves_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "SECONDS", 0.3)
    monkeypatch.setattr("conselho.server.bodies.DRAIN_SECONDS", 0.2)
    async with served(settings) as desk:
        await desk.http.post("/cards", json={"title": "x"})
        reader, writer = await begin(desk, 1000)
        writer.write(b"x" * 10)
        assert await status(reader) == 408
        writer.close()
        assert lying(settings) == []


@on_a_loop
async def test_who_goes_away_in_the_middle_leaves_nothing(settings: Settings) -> None:
    async with served(settings) as desk:
        await desk.http.post("/cards", json={"title": "x"})
        _, writer = await begin(desk, MIB)
        writer.write(b"x" * 600_000)
        await until(lambda: lying(settings))
        writer.close()
        await until(lambda: not lying(settings))
        assert (await desk.http.get("/cards/1")).json()["attachments"] == []


@on_a_loop
async def test_who_asks_first_whether_to_send_too_much_is_told_not_to(settings: Settings) -> None:
    async with served(settings) as desk:
        await desk.http.post("/cards", json={"title": "x"})
        reader, writer = await begin(desk, 11 * MIB, "Expect: 100-continue")
        assert await status(reader) == 413
        writer.close()
        reader, writer = await begin(desk, 4, "Expect: 100-continue")
        assert await status(reader) == 100
        await reader.readline()
        writer.write(b"text")
        assert await status(reader) == 201
        writer.close()


@on_a_loop
async def test_files_that_come_at_once_are_bounded(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "AT_ONCE", 1)
    async with served(settings) as desk:
        await desk.http.post("/cards", json={"title": "x"})
        reader, writer = await begin(desk, 4)
        writer.write(b"te")
        await until(lambda: lying(settings))
        headers = {"Content-Type": BYTES}
        second = await desk.http.post("/cards/1/attachments", params={"name": "b"}, content=b"b", headers=headers)
        assert (second.status_code, second.json()["code"], second.headers["Retry-After"]) == (503, "overloaded", "1")
        writer.write(b"xt")
        assert await status(reader) == 201
        writer.close()
        third = await desk.http.post("/cards/1/attachments", params={"name": "b"}, content=b"b", headers=headers)
        assert third.status_code == 201
