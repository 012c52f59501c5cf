"""Names and numbers as they are shown."""

from hypothesis import given
from hypothesis import strategies as some

from conselho.analyses.text import age, counted, shown


@given(some.binary(max_size=60) | some.text(max_size=60))
def test_whatever_is_shown_is_one_printable_line_that_can_be_encoded(name: bytes | str) -> None:
    line = shown(name)

    assert line.isprintable()
    line.encode()


def test_long_names_are_cut() -> None:
    assert shown("x" * 50, 10) == "x" * 9 + "…"


def test_letters_beyond_two_bytes_are_escaped_as_python_writes_them() -> None:
    assert shown("\U000e0041") == "\\U000e0041"


def test_numbers_are_counted_with_the_right_word() -> None:
    assert counted(1, "file") == "1 file"
    assert counted(1204, "file") == "1,204 files"
    assert counted(2, "person", "people") == "2 people"


def test_ages_are_told_as_people_do() -> None:
    assert [age(days) for days in (0, 1, 59, 60, 729, 730, 3650)] == [
        "today",
        "1 day",
        "59 days",
        "2 months",
        "24 months",
        "2 years",
        "10 years",
    ]
