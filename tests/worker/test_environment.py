"""What an agent gets to see of the server's environment, and what its supervisor is told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Row

from conselho import clock
from conselho.providers.base import Invocation
from conselho.settings import Settings
from conselho.worker import environment, shim

SETTINGS = Settings(data_dir=Path("/srv/conselho"))


@dataclass
class Claimed:
    """The columns of a claimed row that matter here."""

    id: str = "0190c1a2-0000-7000-8000-00000000000a"
    provider: str = "command"
    continue_from: str | None = None
    resume: str | None = None
    cwd: str = "/srv"
    env: dict[str, str] | None = None
    env_allow: list[str] | None = None
    timeout_seconds: float | None = None
    idle_timeout_seconds: float | None = None
    retry_on_loss: bool = False
    accepted_exit_codes: list[int] = field(default_factory=lambda: [0])


def variables(env: dict[str, str] | None = None, of_provider: dict[str, str] | None = None) -> dict[str, str]:
    return environment.variables(make_row(env=env), Invocation(argv=("x",), env=of_provider or {}), SETTINGS)


def make_row(**changes: Any) -> "Row[Any]":
    return cast("Row[Any]", Claimed(**changes))


def spec(settings: Settings, **changes: Any) -> dict[str, Any]:
    return environment.spec(make_row(**changes), Invocation(argv=("x", "y")), settings)


def test_only_the_listed_variables_are_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSELHO_DATABASE_URL", "postgresql://ana:secret@db/x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("LANG", "pt_BR.UTF-8")
    found = variables()
    assert set(found) <= {*environment.INHERITED, environment.MARKER, environment.PLACE}
    assert found["LANG"] == "pt_BR.UTF-8"
    assert "secret" not in str(found)


def test_what_the_agent_is_allowed_is_inherited_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("TOKEN", "another")
    row = make_row(env_allow=["GITHUB_TOKEN", "NOT_SET_HERE"])
    found = environment.variables(row, Invocation(argv=("x",)), SETTINGS)
    assert found["GITHUB_TOKEN"] == "secret"
    assert not {"TOKEN", "NOT_SET_HERE"} & set(found)


def test_an_agent_cli_gets_what_signs_it_in_and_where_that_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CODEX_API_KEY", "CODEX_HOME", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, name.lower())
    found = environment.variables(make_row(provider="codex"), Invocation(argv=("codex",)), SETTINGS)
    assert (found["CODEX_API_KEY"], found["CODEX_HOME"]) == ("codex_api_key", "codex_home")
    assert "ANTHROPIC_API_KEY" not in found


def test_what_is_defined_beats_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "inherited")
    row = make_row(env_allow=["GITHUB_TOKEN"], env={"GITHUB_TOKEN": "defined"})
    assert environment.variables(row, Invocation(argv=("x",)), SETTINGS)["GITHUB_TOKEN"] == "defined"


def test_nobody_is_allowed_what_is_conselhos_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """However the name came into the row: the definition refuses it."""
    monkeypatch.setenv("CONSELHO_DATABASE_URL", "postgresql://ana:secret@db/x")
    row = make_row(env_allow=["CONSELHO_DATABASE_URL"])
    assert "CONSELHO_DATABASE_URL" not in environment.variables(row, Invocation(argv=("x",)), SETTINGS)


def test_nothing_of_conselhos_own_is_inherited() -> None:
    assert not [name for name in environment.INHERITED if name.startswith("CONSELHO")]


def test_the_request_beats_the_provider_which_beats_what_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "inherited")
    monkeypatch.setenv("TZ", "inherited")
    found = variables({"LANG": "asked"}, {"LANG": "provider", "TZ": "provider", "AGENT": "provider"})
    assert (found["LANG"], found["TZ"], found["AGENT"]) == ("asked", "provider", "provider")


def test_what_the_agent_names_beats_the_provider_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_URL", "ours")
    row, invocation = make_row(env_allow=["BASE_URL"]), Invocation(argv=("x",), env={"BASE_URL": ""})
    assert environment.variables(row, invocation, SETTINGS)["BASE_URL"] == "ours"


def test_nothing_beats_what_a_provider_fixes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RULES", "none")
    row = make_row(env={"RULES": "none"}, env_allow=["RULES"])
    invocation = Invocation(argv=("x",), fixed={"RULES": "all"})
    assert environment.variables(row, invocation, SETTINGS)["RULES"] == "all"


def test_nobody_can_take_the_marker_away() -> None:
    assert variables({"CONSELHO_EXECUTION": "other"})["CONSELHO_EXECUTION"] == Claimed().id


def test_a_run_is_told_where_the_data_is_unless_it_was_told_otherwise() -> None:
    assert variables()["CONSELHO_DATA_DIR"] == "/srv/conselho"
    assert variables({"CONSELHO_DATA_DIR": "/srv/other"})["CONSELHO_DATA_DIR"] == "/srv/other"


def test_there_is_a_path_even_where_the_server_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    assert variables()["PATH"] == environment.DEFAULT_PATH


@pytest.mark.parametrize(
    ("asked", "usual", "expected"), [(5.0, 60.0, 5.0), (None, 60.0, 60.0), (None, None, 604_800.0)]
)
def test_a_run_without_a_timeout_gets_the_usual_one_or_seven_days(
    tmp_path: Path, asked: float | None, usual: float | None, expected: float
) -> None:
    settings = Settings(data_dir=tmp_path, default_timeout_seconds=usual)
    assert spec(settings, timeout_seconds=asked)["timeout_seconds"] == expected


def test_the_supervisor_is_told_limits_and_the_moment_it_must_begin_by(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, lease_seconds=40, term_grace_seconds=3, log_bytes_max=200_000)
    told = spec(settings, idle_timeout_seconds=2.0, retry_on_loss=True)
    assert (told["argv"], told["cwd"], told["grace_seconds"], told["idle_timeout_seconds"]) == (
        ["x", "y"], "/srv", 3.0, 2.0,
    )  # fmt: skip
    assert 39 < told["start_by_boot_seconds"] - clock.boot_seconds() <= 40
    assert (told["deadline"], told["boot_id"]) == (True, shim.boot_id())
    assert (told["output_bytes_max"], told["tail_bytes"]) == (200_000, 100_000)
