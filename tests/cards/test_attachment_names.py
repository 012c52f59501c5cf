import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors, ids
from conselho.cards import attachment_names

ID = ids.new()


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("screen.png", "screen.png"),
        ("../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("C:\\Users\\ana\\erro.log", "erro.log"),
        ("a\nb\r\n\x1b[31m\x00\x7f.txt", "ab[31m.txt"),
        ("foto\u202egnp.exe", "fotognp.exe"),
        ("Screenshot 3.00\u202fPM.png", "Screenshot 3.00 PM.png"),
        ("  -rf \u00a0", "-rf"),
        (".env", ".env"),
        ("'\"; rm -rf $HOME; `id` #.txt", "'\"; rm -rf $HOME; `id` #.txt"),
        ("cafe\u0301.md", "café.md"),
        ("dir/", "dir"),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_name_is_the_last_part_of_a_path_as_it_can_be_seen(given_name: str, name: str) -> None:
    assert attachment_names.cleaned(given_name) == name


@pytest.mark.parametrize("name", ["", "/", "..", "../..", ". .", "\n\0", " ", "\u200b", "\\", "a/..", "\ud800"])
def test_what_leaves_no_name_is_refused(name: str) -> None:
    with pytest.raises(errors.Invalid, match=r"^name: "):
        attachment_names.cleaned(name)


def test_a_name_of_more_than_255_bytes_is_refused() -> None:
    with pytest.raises(errors.Invalid, match="255 bytes"):
        attachment_names.cleaned("é" * 128)


def test_a_name_that_is_taken_gets_a_number() -> None:
    assert attachment_names.numbered("a.png", ()) == "a.png"
    assert attachment_names.numbered("a.png", {"a.png"}) == "a-2.png"
    assert attachment_names.numbered("a.png", {"a.png", "a-2.png"}) == "a-3.png"
    assert attachment_names.numbered("Makefile", {"Makefile"}) == "Makefile-2"
    assert attachment_names.numbered(".env", {".env"}) == ".env-2"
    assert attachment_names.numbered("é" * 125 + ".text", {"é" * 125 + ".text"}) == "é" * 124 + "-2.text"


@pytest.mark.parametrize(
    ("name", "media_type", "file"),
    [
        ("screen.png", "image/png", "screen.png"),
        ("screen.PNG", "image/png", "screen.PNG"),
        ("photo.jpeg", "image/jpeg", "photo.jpeg"),
        ("screen.txt", "image/gif", "screen.txt.gif"),
        ("screen", "image/webp", "screen.webp"),
        ("notes.png", "text/plain", "notes.png.txt"),
        ("a b, c.py", "text/plain", "a_b_c.py"),
        ("'\"$(x)`", "text/plain", "_x_"),
        ("-rf", "text/plain", "-rf"),
        ("日本語.csv", "text/plain", "日本語.csv"),
    ],
)
def test_on_the_disk_it_says_what_it_is_and_nothing_a_program_could_mistake(
    name: str, media_type: str, file: str
) -> None:
    assert attachment_names.on_disk(ID, name, media_type) == f"{ID}-{file}"


@given(st.text(max_size=300), st.sampled_from(["text/plain", "image/png"]))
def test_whatever_it_is_called_nothing_breaks_out(given_name: str, media_type: str) -> None:
    try:
        name = attachment_names.cleaned(given_name)
    except errors.Invalid:
        return
    assert name.isprintable()
    assert name not in {"", ".", ".."}
    assert not set(name) & set("/\\\n\0")
    file = attachment_names.on_disk(ID, name, media_type)
    assert re.fullmatch(r"[\w.-]+", file)
    assert len(file.encode()) < 200
    assert file.startswith(ID)
    taken = {name, attachment_names.numbered(name, {name})}
    third = attachment_names.numbered(name, taken)
    assert third not in taken
    assert len(third.encode()) <= attachment_names.NAME_BYTES_MAX
