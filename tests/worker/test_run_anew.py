"""A run that is to take up a session which its CLI does not know: begun anew, once, and in the same log."""

import pytest

from conselho.db.session import Database
from conselho.executions import leases, queue
from conselho.settings import Settings
from conselho.worker.directory import RunDirectory
from conselho.worker.run import Context, Run
from tests.executions.making import ANNA, LEASE, cancel, one, status, told
from tests.looping import on_a_loop
from tests.providers import talker
from tests.worker.crew import directory_of, make_run, said

EARLIER = "0190c1a2-0000-7000-8000-00000000000e"
# With a session it fails as a CLI does that has never heard of it; without one it works.
FORGETFUL = """
if [ -n "$1" ]; then echo '{"failure": "no session '"$1"'", "reason": "session_unknown"}'; exit 1; fi
echo '{"result": "done", "session": "fresh"}'
"""
HOPELESS = """echo '{"failure": "no session", "reason": "session_unknown"}'; exit 1"""


class Died(Exception):
    """The worker is no more."""


def make_continued(database: Database, settings: Settings) -> Run:
    changes = {"provider": "talker", "prompt": "go on", "resume": "old", "continue_from": EARLIER}
    return make_run(database, settings, argv=None, **changes)


def claimed_again(database: Database, settings: Settings) -> Run:
    (row,) = database.submit(queue.claim, ANNA, 1, LEASE).result()
    return Run(Context(database, settings), row)


def events(database: Database) -> list[str]:
    return [kind.removeprefix("execution.") for kind in told(database)]


@on_a_loop
async def test_it_goes_back_to_the_queue_once_and_succeeds_without_the_session(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, FORGETFUL)
    first = make_continued(database, settings)
    await first.begin()
    assert status(database, first.id) == "queued"
    assert not directory_of(settings, first).path.exists()

    second = claimed_again(database, settings)
    assert second.fence == first.fence + 1
    await second.begin()
    row = one(database, first.id)
    assert (row.status, row.result, row.session, row.resume) == ("succeeded", "done", "fresh", None)
    lines = said(database, first.id)
    assert lines[1:3] == [
        "session old is not known any more",
        f"run {EARLIER} has no session that talker could take up, and another CLI's cannot be: a new one is begun",
    ]
    assert (row.log_lines, len(lines)) == (4, 4)
    assert events(database) == ["queued", "claimed", "started", "requeued", "claimed", "started", "finished"]


@on_a_loop
async def test_a_second_time_it_has_failed(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, HOPELESS)
    first = make_continued(database, settings)
    await first.begin()
    second = claimed_again(database, settings)
    await second.begin()
    row = one(database, first.id)
    assert (row.status, row.reason, row.fence) == ("failed", "session_unknown", 2)


@on_a_loop
async def test_a_worker_that_died_before_it_was_given_back_gives_it_back_after_its_restart(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, FORGETFUL)
    first = make_continued(database, settings)

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(queue, "begin_anew", die)
        with pytest.raises(Died):
            await first.begin()
    assert status(database, first.id) == "running"

    (row,) = database.submit(leases.adopt, ANNA.id, LEASE).result()
    place = RunDirectory.find(settings.runs_dir, row.id)
    assert place is not None
    await Run(Context(database, settings), row).adopt(place)
    assert status(database, first.id) == "queued"
    assert said(database, first.id)[1:] == ["session old is not known any more"]


@on_a_loop
async def test_a_worker_that_dies_in_the_second_start_finds_its_lines_behind_those_of_the_first(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, FORGETFUL)
    first = make_continued(database, settings)
    await first.begin()
    second = claimed_again(database, settings)

    async def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(Run, "_report", die)
        with pytest.raises(Died):
            await second.begin()
    before = said(database, first.id)

    (row,) = database.submit(leases.adopt, ANNA.id, LEASE).result()
    place = RunDirectory.find(settings.runs_dir, row.id)
    assert place is not None
    await Run(Context(database, settings), row).adopt(place)
    row = one(database, first.id)
    assert (row.status, row.result) == ("succeeded", "done")
    assert said(database, first.id) == before


@on_a_loop
async def test_one_that_is_cancelled_while_it_waits_to_begin_anew_keeps_its_log(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, FORGETFUL)
    first = make_continued(database, settings)
    await first.begin()
    cancel(database, first.id)
    row = one(database, first.id)
    assert (row.status, row.log_lines) == ("cancelled", len(said(database, first.id)))
    assert row.log_bytes > 0


@on_a_loop
async def test_a_stale_fence_begins_nothing_anew(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, FORGETFUL)
    first = make_continued(database, settings)
    await first.begin()
    assert not database.submit(queue.begin_anew, first.id, first.fence).result()  # its answer was lost, say
    claimed_again(database, settings)
    assert not database.submit(queue.begin_anew, first.id, first.fence).result()


@on_a_loop
async def test_what_is_full_and_what_has_no_session_is_said_first(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, "echo hello")
    run = make_run(
        database,
        settings,
        argv=None,
        provider="talker",
        prompt="x",
        continue_from=EARLIER,
        options={"permission_mode": "full"},
    )
    await run.begin()
    assert said(database, run.id) == [
        f"run {EARLIER} has no session that talker could take up, and another CLI's cannot be: a new one is begun",
        "runs with all permissions: nothing is asked (full)",
        "hello",
    ]


@on_a_loop
async def test_a_cli_that_is_not_there_is_not_installed(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, program="no-such-talker")
    run = make_run(database, settings, argv=None, provider="talker", prompt="x")
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.reason, row.exit_code) == ("failed", "not_installed", 127)
    assert row.error == "talker is not in the PATH of its worker: install it with `npm install -g talker`"


@on_a_loop
async def test_what_it_says_of_itself_is_kept_as_far_as_it_can_be(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = '{"model": "' + "m" * 300 + '", "session": "' + "s" * 201 + '", "turns": 99999999999, "input_tokens": -1,'
    told += ' "cached_tokens": 7, "cost_usd": 1e300}'
    talker.known(monkeypatch, f"echo '{told}'")
    run = make_run(database, settings, argv=None, provider="talker", prompt="x")
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.model, row.session) == ("succeeded", "m" * 100, None)
    assert (row.turns, row.input_tokens, row.cached_tokens, row.cost_usd) == (None, None, 7, None)


@on_a_loop
async def test_the_model_that_was_asked_for_stays(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    talker.known(monkeypatch, """echo '{"model": "large-20260101"}'""")
    run = make_run(database, settings, argv=None, provider="talker", prompt="x", model="large")
    await run.begin()
    assert one(database, run.id).model == "large"


@on_a_loop
async def test_it_gets_its_own_key_and_no_other(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKER_KEY", "sesame")
    monkeypatch.setenv("OTHER_KEY", "secret")
    talker.known(monkeypatch, 'echo "$TALKER_KEY,$OTHER_KEY"')
    run = make_run(database, settings, argv=None, provider="talker", prompt="x")
    await run.begin()
    assert said(database, run.id) == ["sesame,"]
