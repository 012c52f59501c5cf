"""A run from its claim to its outcome: with a real shim and a real process, on either database."""

import errno
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from conselho import clock
from conselho.db.session import Database
from conselho.executions import leases
from conselho.providers import registry
from conselho.providers.command import Command
from conselho.settings import Settings
from conselho.worker import directory
from tests.executions.making import ANNA, LEASE, cancel, one, status, told
from tests.looping import on_a_loop
from tests.worker.crew import Gate, alive, begun, directory_of, make_run, said, shell


def events(database: Database) -> list[str]:
    return [kind.removeprefix("execution.") for kind in told(database)]


@on_a_loop
async def test_a_run_ends_with_its_log_its_exit_code_and_nothing_left(database: Database, settings: Settings) -> None:
    run = make_run(database, settings, *shell("echo one; echo two >&2; exit 3"))
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.severity, row.exit_code, row.reason) == ("failed", "error", 3, "exit_code")
    assert sorted(said(database, run.id)) == ["one", "two"]
    assert (row.log_lines, row.lease_until) == (2, None)
    assert row.started_at <= row.completed_at
    assert events(database) == ["queued", "claimed", "started", "finished"]
    assert not directory_of(settings, run).path.exists()
    assert alive(run.id) == {}


@on_a_loop
async def test_what_it_gets_is_its_prompt_its_directory_its_variables_and_its_marker(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    script = 'cat; echo; pwd -L; echo "$GREETING"; echo "$CONSELHO_EXECUTION"'
    run = make_run(
        database, settings, *shell(script), prompt="olá\nmundo", cwd=str(tmp_path), env={"GREETING": "bom dia"}
    )
    await run.begin()
    assert said(database, run.id) == ["olá", "mundo", str(tmp_path), "bom dia", run.id]
    row = one(database, run.id)
    assert (row.status, row.severity) == ("succeeded", "success")
    assert row.result.endswith(run.id)


@on_a_loop
async def test_the_rules_that_it_was_asked_for_with_decide_its_severity(database: Database, settings: Settings) -> None:
    own = ({"pattern": r"disk \d+% full", "severity": "warning", "summary": "The disk is filling up"},)
    run = make_run(database, settings, *shell("echo disk 91% full"), severity_rules=own)
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.severity, row.summary) == ("succeeded", "warning", "The disk is filling up")
    assert (row.evidence["source"], row.evidence["text"]) == ("rule", "disk 91% full")


@pytest.mark.parametrize(
    ("changes", "code", "reason", "sentence"),
    [
        ({"argv": ("/no/such/program",)}, 127, "not_found", "command not found"),
        ({"argv": ("no-such-program",)}, 127, "not_found", "command not found"),
        ({"argv": ("/etc/passwd",)}, 126, "not_executable", "permission denied"),
        ({"argv": ("true",), "cwd": "/no/such/place"}, 126, "cwd_missing", "no such file or directory"),
        ({"argv": ("true",), "cwd": "/etc/passwd"}, 126, "cwd_missing", "not a directory"),
        ({"argv": ("true",), "cwd": "/" + "x" * 300}, 126, "cwd_missing", "too long"),
    ],
)
@on_a_loop
async def test_what_cannot_be_started_has_failed_and_says_why(
    database: Database, settings: Settings, changes: dict[str, Any], code: int, reason: str, sentence: str
) -> None:
    run = make_run(database, settings, **changes)
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.severity, row.exit_code, row.reason) == ("failed", "error", code, reason)
    assert sentence in row.error.lower()
    assert directory.all_in(settings.runs_dir) == []


@on_a_loop
async def test_a_directory_that_goes_between_accepting_and_starting_is_told_too(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    run = make_run(database, settings, "true", cwd=str(place))
    place.rmdir()
    await run.begin()
    assert one(database, run.id).reason == "cwd_missing"


@on_a_loop
async def test_a_directory_that_leads_round_in_a_circle_is_told_too(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    circle = tmp_path / "circle"
    circle.symlink_to(circle)
    run = make_run(database, settings, "true", cwd=str(circle))
    await run.begin()
    row = one(database, run.id)
    assert row.reason == "cwd_missing"
    assert "symbolic links" in row.error


@on_a_loop
async def test_a_provider_that_this_program_does_not_have_any_more_is_a_failure(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as earlier:
        earlier.setitem(registry._PROVIDERS, "oracle", Command())
        run = make_run(database, settings, "true", provider="oracle")
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.reason) == ("failed", "provider")
    assert "oracle" in row.error
    assert directory.all_in(settings.runs_dir) == []


@on_a_loop
async def test_a_directory_that_another_has_is_waited_for(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    run = make_run(database, settings, "true", cwd=str(tmp_path), exclusive=True)
    with directory.working_directory(str(tmp_path), exclusive=True):
        await run.begin()
    row = one(database, run.id)
    assert (row.status, row.worker_id, row.started_at) == ("queued", None, None)
    assert "another run is in that directory" in row.waiting_for
    assert row.not_before > row.created_at
    assert events(database) == ["queued", "claimed", "requeued"]


@on_a_loop
async def test_a_host_without_room_for_the_run_directory_gives_back_what_it_claimed(
    database: Database, settings: Settings
) -> None:
    settings.runs_dir.touch()  # where its directory should be, none can be made
    run = make_run(database, settings, "true")
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.worker_id) == ("queued", None)
    assert row.waiting_for.startswith("room on the host, where it could not be started: ")
    assert row.not_before > row.created_at


@on_a_loop
async def test_a_host_without_a_file_to_spare_gives_back_what_it_claimed(
    database: Database, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = os.open

    def spare_none(path: str | Path, *args: int, **kwargs: int) -> int:
        if path == str(tmp_path):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), path)
        return system(path, *args, **kwargs)

    run = make_run(database, settings, "true", cwd=str(tmp_path))
    monkeypatch.setattr(os, "open", spare_none)
    await run.begin()
    row = one(database, run.id)
    assert row.status == "queued", row.error
    assert row.waiting_for == "room on the host: too many open files"


@on_a_loop
async def test_a_host_that_makes_no_process_gives_back_what_it_was_about_to_start(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(database, settings, "true")
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.started_at) == ("queued", None)
    assert row.waiting_for.startswith("room on the host, where it could not be started: ")
    assert events(database) == ["queued", "claimed", "started", "requeued"]
    assert directory.all_in(settings.runs_dir) == []


@on_a_loop
async def test_a_worker_that_was_frozen_until_its_lease_was_over_starts_nothing(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long_ago = clock.boot_seconds() - 3600
    run = make_run(database, settings, *shell(f'touch "{tmp_path}/ran"'))
    with monkeypatch.context() as frozen:
        frozen.setattr(clock, "boot_seconds", lambda: long_ago)
        await run.begin()
    assert status(database, run.id) == "queued"
    assert events(database) == ["queued", "claimed", "started", "requeued"]
    assert not (tmp_path / "ran").exists()
    assert directory.all_in(settings.runs_dir) == []


@on_a_loop
async def test_who_is_cancelled_before_the_intent_never_starts(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    script = shell(f'touch "{tmp_path}/ran"')
    told_in_time, asked_in_the_database = make_run(database, settings, *script), make_run(database, settings, *script)
    for run in (told_in_time, asked_in_the_database):
        cancel(database, run.id)
    told_in_time.cancel()
    for run in (told_in_time, asked_in_the_database):
        await run.begin()
        assert status(database, run.id) == "cancelled"
    assert not (tmp_path / "ran").exists()
    assert "started" not in events(database)
    assert directory.all_in(settings.runs_dir) == []


@on_a_loop
async def test_a_cancelled_run_is_cancelled_once_its_tree_is_gone(
    database: Database, settings: Settings, gate: Gate
) -> None:
    run = make_run(database, settings, *shell(f"trap '' TERM; setsid sleep 300 & echo up; {gate.wait}; {gate.wait}"))
    task = await begun(database, run, "up")
    cancel(database, run.id)
    run.cancel()
    await task
    row = one(database, run.id)
    assert (row.status, row.severity, row.reason) == ("cancelled", "warning", "cancelled")
    assert alive(run.id) == {}


@on_a_loop
async def test_a_cancel_that_came_too_late_leaves_the_true_outcome(database: Database, settings: Settings) -> None:
    run = make_run(database, settings, *shell("exit 4"))
    await run.begin()
    run.cancel()
    assert (status(database, run.id), one(database, run.id).exit_code) == ("failed", 4)


@on_a_loop
async def test_a_run_that_takes_too_long_is_ended_by_its_shim(database: Database, settings: Settings) -> None:
    run = make_run(database, settings, *shell("echo up; sleep 300"), timeout_seconds=1.0)
    await run.begin()
    row = one(database, run.id)
    assert (row.status, row.severity, row.reason) == ("timed_out", "error", "timeout")
    assert said(database, run.id)[0] == "up"
    assert alive(run.id) == {}


@on_a_loop
async def test_a_run_whose_fence_is_over_is_ended_and_writes_nothing_more(
    database: Database, settings: Settings, gate: Gate
) -> None:
    run = make_run(database, settings, *shell(f"echo up; {gate.wait}; echo more; {gate.wait}"))
    task = await begun(database, run, "up")
    database.submit(leases.adopt, ANNA.id, LEASE).result()
    gate.open()
    await task
    assert (status(database, run.id), one(database, run.id).fence) == ("running", 2)
    assert said(database, run.id) == ["up"]
    assert alive(run.id) == {}
    assert not directory_of(settings, run).path.exists()


@on_a_loop
async def test_a_run_that_is_abandoned_is_ended_and_reports_nothing(
    database: Database, settings: Settings, gate: Gate
) -> None:
    run = make_run(database, settings, *shell(f"echo up; {gate.wait}"))
    task = await begun(database, run, "up")
    run.abandon()
    await task
    assert status(database, run.id) == "running"
    assert alive(run.id) == {}
    assert not directory_of(settings, run).path.exists()


@on_a_loop
async def test_a_shim_that_is_killed_takes_the_tree_with_it_and_the_log_up_to_then_stays(
    database: Database, settings: Settings, gate: Gate
) -> None:
    run = make_run(database, settings, *shell(f"setsid sleep 300 & echo up; {gate.wait}"))
    task = await begun(database, run, "up")
    spawned = directory_of(settings, run).spawned()
    assert spawned is not None
    os.kill(spawned["shim"], signal.SIGKILL)
    await task
    row = one(database, run.id)
    assert (row.status, row.reason) == ("failed", "shim_died")
    first, remark = said(database, run.id)
    assert first == "up"
    assert "left running and ended" in remark
    assert alive(run.id) == {}
