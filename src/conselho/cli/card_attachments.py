"""How does a card get files from a terminal, and lose them again?"""

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from conselho import errors
from conselho.cli import card_numbers, named, options, terminal
from conselho.cli.options import Place

if TYPE_CHECKING:
    from conselho.cli.client import Api

# As the server knows it, without its imports: a test compares.
BYTES_MAX = 10 * 1024 * 1024

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command(
    "attach", epilog=options.example("conselho cards attach 12 screen.png", "conselho cards attach 12 logs/*.txt")
)
@card_numbers.argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@_JSON
@options.place
def attach(place: Place, card: str, files: tuple[str, ...], *, as_json: bool) -> None:
    """Give a card files that its agents can read: images and text, at most 10 MiB each, 20 a card."""
    contents = [_content(path) for path in files]
    with _writer(place) as api:
        made = []
        for path, content in zip(files, contents, strict=True):
            made.append(api.send_file(named.card_path(card, "attachments"), content, name=_name(path)))
            if not as_json:
                print(f"attached {terminal.one_line(made[-1]['name'])}")
    if as_json:
        print(json.dumps({"items": made}, ensure_ascii=False))


@click.command("attachments", epilog=options.example("conselho cards attachments 12"))
@card_numbers.argument
@_JSON
@options.place
def attachments(place: Place, card: str, *, as_json: bool) -> None:
    """List the files of a card."""
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    with client.reader(place.settings()) as api:
        found = api.get(named.card_path(card, "attachments"))
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    out = terminal.output()
    if not found["items"]:
        terminal.messages().say(f"no files yet: `conselho cards attach {card} FILE` gives it one")
        return
    rows = [_row(each, out) for each in found["items"]]
    terminal.table(("name", "kind", "bytes", "attached"), rows, out)


@click.command("detach", epilog=options.example("conselho cards detach 12 screen.png"))
@card_numbers.argument
@click.argument("attachment", metavar="NAME")
@_JSON
@options.place
def detach(place: Place, card: str, attachment: str, *, as_json: bool) -> None:
    """Remove a file from a card, by its name or its id."""
    with _writer(place) as api:
        found = api.get(named.card_path(card, "attachments"))["items"]
        one = next((each for each in found if attachment in {each["name"], each["id"]}), None)
        if one is None:
            sentence = f"card {card} has no file {attachment[:50]!r}: see `conselho cards attachments {card}`"
            raise errors.NotFound(sentence)
        api.delete(named.card_path(card, "attachments", one["id"]))
    print(json.dumps(one, ensure_ascii=False) if as_json else f"removed {terminal.one_line(one['name'])}")


def _content(path: str) -> bytes:
    """All of a file that may be attached. Raises: errors.Invalid."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # else a pipe is waited for
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise errors.Invalid(f"{_name(path)} is no plain file: save what comes from it first")
        content = file.read(BYTES_MAX + 1)
    if len(content) > BYTES_MAX:
        raise errors.Invalid(f"{_name(path)} is larger than 10 MiB: attach a part of it")
    return content


def _name(path: str) -> str:
    """The last part of a path; what is no UTF-8 in it is replaced."""
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


def _row(attached: dict[str, Any], out: terminal.Screen) -> list[str]:
    when = terminal.moment(attached["created_at"], out)
    return [terminal.one_line(attached["name"]), attached["media_type"], str(attached["size_bytes"]), when]


def _writer(place: Place) -> "Api":
    from conselho.cli import client  # noqa: PLC0415 - httpx is slow to import, and help needs none

    return client.writer(place.settings())
