"""Files of cards over HTTP, on both databases, and what is left of them in the data directory."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from conselho import clock, errors, ids
from conselho.cards import attached_files, attaching, limits
from conselho.db.session import Database
from conselho.settings import Settings
from tests.agents.making import make_agent
from tests.cards.making import give, make_card, make_project, run, shown, shown_board, told
from tests.cards.pictures import PICTURES, PNG
from tests.looping import on_a_loop
from tests.server.desk import Desk, served

MIB = 1024 * 1024
BYTES = {"Content-Type": "application/octet-stream"}


async def card(desk: Desk, title: str = "Mend it") -> str:
    answer = await desk.http.post("/cards", json={"title": title})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def send(
    desk: Desk, card_id: str, name: str, content: bytes | AsyncIterator[bytes] = b"text", **headers: str
) -> httpx.Response:
    given = BYTES | {name.replace("_", "-"): value for name, value in headers.items()}
    return await desk.http.post(f"/cards/{card_id}/attachments", params={"name": name}, content=content, headers=given)


async def attached(desk: Desk, card_id: str, name: str, content: bytes = b"text") -> dict[str, Any]:
    answer = await send(desk, card_id, name, content)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


def lying(data_dir: Path) -> list[Path]:
    """Every file of every card."""
    return sorted(each for each in (data_dir / "attachments").rglob("*") if not each.is_dir())


@on_a_loop
async def test_a_file_is_attached_listed_read_and_removed(settings: Settings) -> None:
    async with served(settings) as desk:
        mine, other = await card(desk), await card(desk, "Another")
        answer = await send(desk, mine, "notes.md", "Olá\n".encode())
        made = answer.json()
        assert answer.headers["Location"] == f"/api/v1/cards/{mine}/attachments/{made['id']}"
        assert made | {"name": "notes.md", "media_type": "text/plain", "size_bytes": 5} == made
        assert made["sha256"] == hashlib.sha256("Olá\n".encode()).hexdigest()
        picture = await attached(desk, "1", "screen.png", PNG)
        assert (await desk.http.get(f"/cards/{mine}/attachments")).json() == {"items": [made, picture]}
        assert (await desk.http.get(f"/cards/{other}/attachments")).json() == {"items": []}
        shown = (await desk.http.get(f"/cards/{mine}")).json()
        assert (shown["attachments"], shown["attachment_count"], shown["version"]) == ([made, picture], 2, 3)
        backlog = (await desk.http.get("/board")).json()["columns"][0]["cards"]
        assert [each["attachment_count"] for each in backlog] == [2, 0]

        (place,) = [each for each in lying(settings.data_dir) if each.name.endswith("notes.md")]
        assert place.stat().st_mode & 0o777 == 0o400
        assert (await desk.http.get(f"/cards/{mine}/attachments/{made['id']}")).content == "Olá\n".encode()
        assert (await desk.http.delete(f"/cards/{mine}/attachments/{made['id']}")).status_code == 204
        assert not place.exists()
        for answer in (
            await desk.http.get(f"/cards/{mine}/attachments/{made['id']}"),
            await desk.http.delete(f"/cards/{mine}/attachments/{made['id']}"),
            await desk.http.get(f"/cards/{other}/attachments/{picture['id']}"),
            await desk.http.delete(f"/cards/{other}/attachments/{picture['id']}"),
            await desk.http.get(f"/cards/{mine}/attachments/..%2f..%2fconselho.db"),
            await desk.http.get("/cards/99/attachments"),
            await send(desk, "99", "a.txt"),
        ):
            assert problem(answer) == (404, "not_found")
        changed = [each["data"] for each in (await desk.http.get("/events")).json()["items"]][2:]
        assert changed == [{"card_id": mine, "card": 1, "fields": ["attachments"]}] * 3


@on_a_loop
async def test_images_are_shown_and_all_else_is_a_download_that_is_text(settings: Settings) -> None:
    async with served(settings) as desk:
        mine = await card(desk)
        hostile = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
        for name, content, media_type in (
            *((f"a{number}", content, kind) for number, (kind, content) in enumerate(PICTURES.items())),
            ("evil.svg", hostile, "text/plain; charset=utf-8"),
            ("evil.html", b"<script>alert(1)</script>", "text/plain; charset=utf-8"),
            ("evil.png", hostile, "text/plain; charset=utf-8"),
        ):
            made = await attached(desk, mine, name, content)
            answer = await desk.http.get(f"/cards/{mine}/attachments/{made['id']}")
            assert (answer.headers["Content-Type"], answer.content) == (media_type, content)
            assert answer.headers["Content-Length"] == str(len(content))
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
            assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            shown, _, called = answer.headers["Content-Disposition"].partition("; filename*=UTF-8''")
            assert (shown, called) == ("inline" if media_type in PICTURES else "attachment", name)


@on_a_loop
async def test_files_of_one_name_are_all_kept(settings: Settings) -> None:
    async with served(settings) as desk:
        mine = await card(desk)
        made = [await attached(desk, mine, "image.png", PNG + bytes([number])) for number in range(3)]
        assert [each["name"] for each in made] == ["image.png", "image-2.png", "image-3.png"]
        for number, each in enumerate(made):
            content = (await desk.http.get(f"/cards/{mine}/attachments/{each['id']}")).content
            assert content == PNG + bytes([number])


@on_a_loop
async def test_files_sent_at_once_are_all_kept_under_names_of_their_own_and_no_more_than_a_card_may_have(
    settings: Settings,
) -> None:
    async with served(settings) as desk:
        mine = await card(desk)
        answers = []
        for start in range(0, 24, 8):
            some = [send(desk, mine, "a.txt", str(number).encode()) for number in range(start, start + 8)]
            answers += await asyncio.gather(*some)
        assert sorted(each.status_code for each in answers) == [201] * 20 + [409] * 4
        items = (await desk.http.get(f"/cards/{mine}/attachments")).json()["items"]
        assert len({each["name"] for each in items}) == len({each["sha256"] for each in items}) == 20
        refused = next(each for each in answers if each.status_code == 409).json()
        assert "20 files" in refused["detail"]
        assert refused["card"]["attachment_count"] == 20
        assert len(lying(settings.data_dir)) == 20
        await desk.http.delete(f"/cards/{mine}/attachments/{items[0]['id']}")
        await attached(desk, mine, "one more")


@on_a_loop
async def test_a_hostile_name_breaks_out_of_nothing(settings: Settings) -> None:
    async with served(settings) as desk:
        mine = await card(desk)
        before = {each.name for each in settings.data_dir.iterdir()}
        for name, called in (
            ("../../../x.txt", "x.txt"),
            ("..\\..\\x.log", "x.log"),
            ('a"; filename="b.html\r\nX: y', 'a"; filename="b.htmlX: y'),
            ("-rf $(touch x) `id`", "-rf $(touch x) `id`"),
            ("日本語.txt", "日本語.txt"),
        ):
            made = await attached(desk, mine, name)
            assert made["name"] == called
            answer = await desk.http.get(f"/cards/{mine}/attachments/{made['id']}")
            assert answer.content == b"text"
            assert unquote(answer.headers["Content-Disposition"].partition("''")[2]) == called
            assert "x" not in answer.headers
        for name in ("", "..", "a/..", "\n", "x" * 256):
            assert problem(await send(desk, mine, name)) == (422, "invalid"), name
        places = lying(settings.data_dir)
        assert {each.parent for each in places} == {settings.data_dir / "attachments" / mine}
        assert {each.name for each in settings.data_dir.iterdir()} == before | {"attachments"}


@on_a_loop
async def test_what_is_too_large_empty_or_unknown_is_refused_and_leaves_nothing(settings: Settings) -> None:
    async def in_parts(size: int) -> AsyncIterator[bytes]:
        for _ in range(0, size, 65536):
            yield b"x" * 65536

    async with served(settings) as desk:
        mine = await card(desk)
        made = await attached(desk, mine, "full.txt", b"x" * 10 * MIB)
        answer = await desk.http.get(f"/cards/{mine}/attachments/{made['id']}")
        assert hashlib.sha256(answer.content).hexdigest() == made["sha256"]
        kept = lying(settings.data_dir)
        for content in (b"x" * (10 * MIB + 1), in_parts(10 * MIB + 1), in_parts(17 * MIB), b"x" * 25 * MIB):
            assert problem(await send(desk, mine, "big.txt", content)) == (413, "too_large")
        assert problem(await send(desk, mine, "a.txt", b"")) == (422, "invalid")
        for content in (b"PK\x03\x04" + bytes(100), b"\xff\xfea\0", b"x" * 5 * MIB + b"\0", b"\0" * 5 * MIB):
            assert problem(await send(desk, mine, "a.txt", content)) == (415, "unknown_kind")
        assert lying(settings.data_dir) == kept
        assert (await desk.http.get(f"/cards/{mine}")).json()["attachment_count"] == 1


@on_a_loop
async def test_what_is_sent_again_under_its_key_is_kept_once(settings: Settings) -> None:
    async with served(settings) as desk:
        mine, other = await card(desk), await card(desk)
        first = await send(desk, mine, "a.txt", Idempotency_Key="k")
        again = await send(desk, mine, "a.txt", Idempotency_Key="k")
        assert (again.status_code, again.json()) == (201, first.json())
        assert len(lying(settings.data_dir)) == 1
        for answer in (
            await send(desk, mine, "a.txt", b"other text", Idempotency_Key="k"),
            await send(desk, mine, "b.txt", Idempotency_Key="k"),
            await send(desk, other, "a.txt", Idempotency_Key="k"),
        ):
            assert problem(answer) == (422, "invalid")
        await desk.http.delete(f"/cards/{mine}/attachments/{first.json()['id']}")
        late = await send(desk, mine, "a.txt", Idempotency_Key="k")
        assert late.json() == first.json(), "the answer of then, and nothing comes back"
        assert lying(settings.data_dir) == []


@on_a_loop
async def test_content_that_somebody_took_away_or_replaced_is_gone(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    async with served(settings) as desk:
        mine = await card(desk)
        made = await attached(desk, mine, "a.txt")
        (place,) = lying(settings.data_dir)
        place.unlink()
        assert problem(await desk.http.get(f"/cards/{mine}/attachments/{made['id']}")) == (410, "gone")
        replacements: tuple[Callable[[], None], ...] = (
            lambda: place.symlink_to(tmp_path / "secret"),
            lambda: os.mkfifo(place),
            place.mkdir,
        )
        for replace in replacements:
            replace()
            assert problem(await desk.http.get(f"/cards/{mine}/attachments/{made['id']}")) == (410, "gone")
            place.rmdir() if place.is_dir() else place.unlink()
        assert (await desk.http.delete(f"/cards/{mine}/attachments/{made['id']}")).status_code == 204


async def sent(content: bytes) -> AsyncIterator[bytes]:
    yield content


def attach(database: Database, data_dir: Path, card_id: str, name: str, content: bytes = b"text") -> dict[str, Any]:
    return asyncio.run(attaching.attach(database, data_dir, card_id, name, sent(content)))


def tidy(database: Database, data_dir: Path) -> None:
    asyncio.run(attaching.tidy(database, data_dir))


def age(path: Path) -> None:
    """Let it be written longer ago than any file that is on its way."""
    then = (clock.now() - attaching.LEFT_AFTER - timedelta(minutes=1)).timestamp()
    os.utime(path, (then, then))


def test_files_without_a_row_are_removed_once_they_are_old_and_all_others_stay(
    database: Database, data_dir: Path
) -> None:
    card_id = make_card(database)
    attach(database, data_dir, card_id, "kept.txt")
    (kept,) = lying(data_dir)
    left = kept.with_name(f"{ids.new()}-left.txt")
    half = kept.with_name(f"{ids.new()}{attached_files.UNFINISHED}")
    young = kept.with_name(f"{ids.new()}-young.txt")
    foreign = kept.with_name("notes.txt")
    of_another_database = attached_files.path(data_dir, ids.new(), f"{ids.new()}-a.txt")
    of_another_database.parent.mkdir()
    for each in (left, half, young, foreign, of_another_database):
        each.write_text("x")
    for each in (kept, left, half, foreign, of_another_database):
        age(each)
    tidy(database, data_dir)
    assert lying(data_dir) == sorted([kept, young, foreign, of_another_database])
    tidy(database, data_dir / "nowhere")


def test_a_refused_unit_leaves_no_file_and_a_dead_disk_no_row(database: Database, data_dir: Path) -> None:
    card_id = make_card(database)
    for number in range(limits.ATTACHMENTS_MAX):
        attach(database, data_dir, card_id, f"{number}.txt")
    with pytest.raises(errors.Conflict):
        attach(database, data_dir, card_id, "more.txt")
    assert len(lying(data_dir)) == limits.ATTACHMENTS_MAX
    (data_dir / "file").write_text("")
    with pytest.raises(errors.Unavailable, match="cannot be kept"):
        attach(database, data_dir / "file", make_card(database), "a.txt")
    assert told(database)[-1][0] == "card.created"


def test_half_a_file_leaves_nothing(database: Database, data_dir: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * MIB
        raise errors.Malformed("the file did not arrive whole")

    card_id = make_card(database)
    with pytest.raises(errors.Malformed):
        asyncio.run(attaching.attach(database, data_dir, card_id, "a.txt", broken()))
    assert lying(data_dir) == []
    assert shown(database, card_id)["attachments"] == []


def test_a_command_tells_its_agent_of_every_file_and_keeps_their_paths(
    database: Database, data_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    make_project(database, tmp_path / "plain")
    card_id = make_card(database, agent=make_agent(database))
    attach(database, data_dir, card_id, "a b.png", PNG)
    attach(database, data_dir, card_id, "a b.png", b"no picture")
    row = run(database, give(database, data_dir, card_id))
    places = [Path(each) for each in row.attachments]
    assert [each.read_bytes() for each in places] == [PNG, b"no picture"]
    assert [each.suffix for each in places] == [".png", ".txt"]
    assert f"Files that belong to the card:\n- a b.png: {places[0]}\n- a b-2.png: {places[1]}" in row.prompt
    (backlog, *_) = (part["cards"] for part in shown_board(database)["columns"] if part["cards"])
    assert backlog[0]["attachment_count"] == 2
