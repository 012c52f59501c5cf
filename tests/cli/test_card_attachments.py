"""`conselho cards attach`, `attachments` and `detach`, with the real server on both databases."""

import os
from pathlib import Path

from conselho.cards import limits
from conselho.cli import card_attachments
from tests.cards.pictures import PNG
from tests.cli.test_cards import CardHouse, cards  # noqa: F401 - the fixture


def test_files_are_attached_listed_and_removed(cards: CardHouse, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "screen.png").write_bytes(PNG)
    (tmp_path / "-notes\x1b[2J.txt").write_text("olá")
    number = cards.add()
    told = cards.call("cards", "attach", number, str(tmp_path / "screen.png"), str(tmp_path / "-notes\x1b[2J.txt"))
    assert (told.returncode, told.stdout) == (0, "attached screen.png\nattached -notes[2J.txt\n"), told.stderr
    (again,) = cards.json("cards", "attach", number, str(tmp_path / "screen.png"))["items"]
    assert (again["name"], again["media_type"], again["size_bytes"]) == ("screen-2.png", "image/png", len(PNG))
    listed = cards.call("cards", "attachments", number)
    assert [line.split()[0] for line in listed.stdout.splitlines()[-3:]] == [
        "screen.png",
        "-notes[2J.txt",
        "screen-2.png",
    ]
    assert cards.call("cards", "detach", number, "screen.png").stdout == "removed screen.png\n"
    assert cards.call("cards", "detach", number, again["id"]).stdout == "removed screen-2.png\n"
    (left,) = cards.json("cards", "attachments", number)["items"]
    assert left["name"] == "-notes[2J.txt"


def test_what_cannot_be_attached_is_refused_in_one_sentence(cards: CardHouse, tmp_path: Path) -> None:  # noqa: F811
    (tmp_path / "large.txt").write_bytes(b"x" * (card_attachments.BYTES_MAX + 1))
    (tmp_path / "program").write_bytes(b"\x7fELF" + bytes(100))
    (tmp_path / "empty.txt").touch()
    os.mkfifo(tmp_path / "pipe")
    number = cards.add()
    for arguments, words, code in (
        (("attach", number, str(tmp_path / "large.txt")), "large.txt is larger than 10 MiB", 2),
        (("attach", number, str(tmp_path / "pipe")), "no plain file", 2),
        (("attach", number, str(tmp_path / "empty.txt")), "empty", 2),
        (("attach", number, str(tmp_path / "program")), "png, jpeg, gif, webp", 2),
        (("attach", number, str(tmp_path / "nowhere")), "nowhere", 2),
        (("attach", number, str(tmp_path)), "directory", 2),
        (("attach", "99", str(tmp_path / "program")), "no card '99'", 1),
        (("attachments", "99"), "no card '99'", 1),
        (("detach", number, "x"), "has no file 'x'", 1),
    ):
        told = cards.call("cards", *arguments)
        assert (told.returncode, told.stdout) == (code, ""), (arguments, told.stderr)
        assert words in told.stderr, told.stderr
        assert len(told.stderr.splitlines()) == 1, told.stderr
    assert cards.json("cards", "attachments", number) == {"items": []}


def test_the_limit_is_that_of_the_server() -> None:
    assert card_attachments.BYTES_MAX == limits.ATTACHMENT_BYTES_MAX
