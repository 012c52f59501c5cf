"""What a schedule means is told over HTTP before anything is kept."""

from datetime import UTC, datetime
from typing import Any

import pytest

from conselho.settings import Settings
from tests.conftest import Clock
from tests.looping import on_a_loop
from tests.server.desk import served


@on_a_loop
async def test_a_preview_tells_words_and_the_next_five_moments(settings: Settings, clock: Clock) -> None:
    clock.set(datetime(2026, 11, 22, 12, 7, tzinfo=UTC))
    async with served(settings) as desk:
        wish = {"type": "cron", "value": "0  9 * * 1", "timezone": "America/Sao_Paulo"}
        answer = await desk.http.post("/schedules/preview", json=wish)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["words"], told["timezone"]) == ("Mondays at 09:00 (America/Sao_Paulo)", "America/Sao_Paulo")
    assert told["moments"][0] == {"at": "2026-11-23T12:00:00Z", "local": "2026-11-23T09:00:00-03:00"}
    assert [moment["local"][:10] for moment in told["moments"]] == [
        "2026-11-23", "2026-11-30", "2026-12-07", "2026-12-14", "2026-12-21",
    ]  # fmt: skip


@on_a_loop
async def test_an_interval_begins_now_and_what_happens_once_has_one_moment(settings: Settings, clock: Clock) -> None:
    clock.set(datetime(2026, 11, 22, 12, 7, tzinfo=UTC))
    async with served(settings) as desk:
        often = (await desk.http.post("/schedules/preview", json={"type": "interval", "value": "30m"})).json()
        once = (await desk.http.post("/schedules/preview", json={"type": "once", "value": "2026-12-01T09:00"})).json()
    assert [moment["at"][11:16] for moment in often["moments"]] == ["12:37", "13:07", "13:37", "14:07", "14:37"]
    assert (often["words"], often["timezone"]) == ("every 30 minutes", "UTC")
    assert once["words"] == "once at 2026-12-01 09:00 (UTC)"
    assert once["moments"] == [{"at": "2026-12-01T09:00:00Z", "local": "2026-12-01T09:00:00Z"}]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no interval": ({"value": "90x"}, "value: '90x' is no interval"),
    "an unknown kind": ({"type": "daily"}, "type: "),
    "no value": ({"value": None}, "value: "),
    "a number": ({"value": 30}, "value: "),
    "a zone there is not": ({"timezone": "../etc/passwd"}, "timezone: '../etc/passwd' is no time zone"),
    "a field there is not": ({"enabled": True}, "enabled: "),
    "a day that never comes": ({"type": "cron", "value": "0 0 30 2 *"}, "does not happen in the next 8 years"),
    "the past": ({"type": "once", "value": "2020-01-01T00:00Z"}, "is past"),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@on_a_loop
async def test_what_is_no_schedule_is_refused_with_one_sentence(settings: Settings) -> None:
    async with served(settings) as desk:
        for name, (wrong, said) in REFUSED.items():
            answer = await desk.http.post("/schedules/preview", json={"type": "interval", "value": "30m"} | wrong)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), name
            assert said in answer.json()["detail"], name
