import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors, settings
from conselho.cli import options
from conselho.cli.options import Duration, Moment, Place
from tests.conftest import Clock


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("2h", 7200), ("7d", 604_800), ("1.5h", 5400)]
)
def test_durations_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "-1", "5 m", "m", "1w", "1e3", "٣", "0x10", "inf", "nan", "1h30m"])
def test_what_is_no_duration_is_refused_with_the_right_way_to_write_it(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 90, 90s, 5m, 2h or 7d"):
        Duration().convert(text, None, None)


@pytest.mark.parametrize("text", ["0", "0.5", "8d", "604801", "99999999999999999999d"])
def test_a_timeout_outside_one_second_to_seven_days_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="outside 1 second to 7 days"):
        Duration().convert(text, None, None)


@given(st.text())
def test_any_text_is_a_duration_or_none(text: str) -> None:
    seconds = options.seconds_of(text)
    assert seconds is None or seconds >= 0


def test_a_moment_may_be_a_duration_back_from_now(clock: Clock) -> None:
    clock.set(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))
    assert Moment().convert("2h", None, None) == "2026-03-02T07:00:00Z"


def test_a_moment_with_a_zone_is_told_in_utc() -> None:
    assert Moment().convert("2026-11-21T14:00:00-03:00", None, None) == "2026-11-21T17:00:00Z"


def test_a_date_is_midnight_here() -> None:
    told = Moment().convert("2026-11-21", None, None)
    here = datetime(2026, 11, 21).astimezone()
    assert datetime.fromisoformat(told) == here
    assert datetime.fromisoformat(told).utcoffset() == timedelta()


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "99999999999d", "5"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is no moment"):
        Moment().convert(text, None, None)


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("env_allow has at most 100 names", "--allow-env has at most 100 names"),
        ("env: 'x' is no name", "--env: 'x' is no name"),
        ("the prompt is long", "--prompt is long"),
        ("there is no provider 'x'", "there is no provider 'x'"),
        ("environment", "environment"),
    ],
)
def test_a_refusal_that_begins_with_a_field_begins_with_its_option(sentence: str, told: str) -> None:
    with pytest.raises(errors.Invalid) as refused, options.by_their_names():
        raise errors.Invalid(sentence)
    assert refused.value.sentence == told


def placed(*arguments: str) -> Place:
    found: list[Place] = []

    @click.group()
    @options.place
    @click.pass_context
    def outer(context: click.Context, place: Place) -> None:
        context.obj = place

    @outer.command()
    @options.place
    def inner(place: Place) -> None:
        found.append(place)

    outer.main(list(arguments), standalone_mode=False)
    return found[0]


def test_the_home_of_somebody_who_is_not_there_is_a_name_like_any_other() -> None:
    assert placed("inner", "--data-dir", "~nobody-of-this-name/x").data_dir == f"{Path.cwd()}/~nobody-of-this-name/x"
    variables = {"CONSELHO_DATA_DIR": "~nobody-of-this-name"}
    assert settings.load(environ=variables).data_dir == Path.cwd() / "~nobody-of-this-name"


def test_the_place_may_stand_before_or_after_the_command(tmp_path: Path) -> None:
    assert placed("--data-dir", str(tmp_path), "inner") == placed("inner", "--data-dir", str(tmp_path))
    assert placed("--database-url", "postgresql://x", "inner").database_url == "postgresql://x"


def test_the_place_after_the_command_wins() -> None:
    assert placed("--data-dir", "/one", "inner", "--data-dir", "/two").data_dir == "/two"


def test_a_relative_data_directory_is_taken_from_here() -> None:
    assert placed("inner", "--data-dir", "here").data_dir == os.path.join(os.getcwd(), "here")  # noqa: PTH109, PTH118


def test_an_empty_data_directory_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="name a directory"):
        placed("inner", "--data-dir", "")
