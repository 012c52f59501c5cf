import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors
from conselho.cards import media
from tests.cards.pictures import GIF, JPEG, PICTURES, PNG, WEBP


def kind_of(content: bytes, *, piece_bytes: int = 1 << 20) -> str:
    inspection = media.Inspection()
    for start in range(0, len(content), piece_bytes):
        inspection.look_at(content[start : start + piece_bytes])
    return inspection.media_type()


@pytest.mark.parametrize(("media_type", "content"), PICTURES.items())
def test_images_are_known_by_their_content_however_it_comes(media_type: str, content: bytes) -> None:
    assert kind_of(content) == kind_of(content, piece_bytes=1) == media_type


@pytest.mark.parametrize(
    "text",
    [
        "a", "línea\n" * 100, "\ufeffwith a mark", "👩‍👩‍👧‍👦" * 50, "<svg onload=alert(1)>", "<script>1</script>",
        "%PDF-less", "GIF", "RIFF of guitars, that are no WEBP", "\x1b[31mred",
    ],
)  # fmt: skip
def test_whatever_reads_as_utf_8_is_text(text: str) -> None:
    assert kind_of(text.encode()) == kind_of(text.encode(), piece_bytes=1) == "text/plain"


@pytest.mark.parametrize(
    "content",
    [
        b"a\0b", b"\xff", b"caf\xe9", "half \u00e9".encode()[:-1], "UTF-16".encode("utf-16"),
        b"\x7fELF\x02\x01\x01" + bytes(20), b"PK\x03\x04" + bytes(30), b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        b"\x89PNG\r\n", b"RIFF\x00\x00\x00\x00WAVEfmt \xff\xfe",
        b"BM" + bytes(60), b"x" * 100_000 + b"\0",
    ],
)  # fmt: skip
def test_anything_else_is_refused(content: bytes) -> None:
    for size in (1, 7, 1 << 20):
        with pytest.raises(errors.UnknownKind, match=r"png, jpeg, gif, webp"):
            kind_of(content, piece_bytes=size)


def test_nothing_is_no_file() -> None:
    with pytest.raises(errors.Invalid, match="empty"):
        kind_of(b"")


def test_what_can_be_nothing_is_refused_before_its_end() -> None:
    inspection = media.Inspection()
    with pytest.raises(errors.UnknownKind):
        inspection.look_at(b"PK\x03\x04" + bytes(30))


@given(st.binary(min_size=1, max_size=200), st.integers(1, 20))
def test_how_it_comes_in_pieces_makes_no_difference(content: bytes, size: int) -> None:
    def outcome(piece_bytes: int) -> str:
        try:
            return kind_of(content, piece_bytes=piece_bytes)
        except errors.UnknownKind:
            return "refused"

    assert outcome(size) == outcome(len(content))
    if outcome(size) == "text/plain":
        assert "\0" not in content.decode()


def test_four_kinds_of_images_are_known() -> None:
    assert set(PICTURES) == set(media.IMAGES)
    assert len({PNG, JPEG, GIF, WEBP}) == 4
