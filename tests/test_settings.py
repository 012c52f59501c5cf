"""Where each setting's value comes from, and what is said of one that cannot be."""

import os
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from conselho import errors, settings
from conselho.settings import Settings, Source


def load(data_dir: Path, toml: str | None = None, flags: dict[str, object] | None = None, **variables: str) -> Settings:
    if toml is not None:
        (data_dir / "conselho.toml").write_text(toml, encoding="utf-8")
    environ = {"CONSELHO_DATA_DIR": str(data_dir), **variables}
    return settings.load(flags, environ)


def test_a_flag_beats_a_variable_which_beats_the_file_which_beats_the_default(tmp_path: Path) -> None:
    toml = "seats = 2\nport = 2\nhost = '::1'"
    found = load(tmp_path, toml, {"seats": 8}, CONSELHO_SEATS="5", CONSELHO_PORT="5")
    assert (found.seats, found.port, found.host, found.lease_seconds) == (8, 5, "::1", 60.0)


def test_a_flag_that_was_not_given_beats_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "seats = 2", {"seats": None}).seats == 2


def test_a_secret_may_stand_in_a_file_that_a_variable_names(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://ana:secret@db/x\n")
    found = load(tmp_path, "database_url = 'sqlite:///x'", CONSELHO_DATABASE_URL_FILE=str(tmp_path / "url"))
    assert found.url == "postgresql://ana:secret@db/x"


def test_a_secret_in_a_file_and_in_a_variable_is_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://file")
    with pytest.raises(errors.Invalid, match="CONSELHO_DATABASE_URL_FILE"):
        load(tmp_path, CONSELHO_DATABASE_URL_FILE=str(tmp_path / "url"), CONSELHO_DATABASE_URL="postgresql://here")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_secrets_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "url").write_bytes(content)
    with pytest.raises(errors.Invalid, match=r"CONSELHO_DATABASE_URL_FILE names .*/url, which cannot be read"):
        load(tmp_path, CONSELHO_DATABASE_URL_FILE=str(tmp_path / "url"))


def test_an_unknown_variable_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="CONSELHO_SEAT is no setting"):
        load(tmp_path, CONSELHO_SEAT="5")
    with pytest.raises(errors.Invalid, match="CONSELHO_SEAT_FILE is no setting"):
        load(tmp_path, CONSELHO_SEAT_FILE="/x")


def test_an_unknown_key_in_the_file_is_an_error_that_names_both(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match=r"conselho\.toml: `seat` is no setting"):
        load(tmp_path, "seat = 5")


def test_the_file_cannot_say_where_it_stands(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="data_dir"):
        load(tmp_path, "data_dir = '/elsewhere'")


def test_an_unknown_flag_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match="seat"):
        load(tmp_path, flags={"seat": 5})


def test_what_conselho_and_its_tests_set_themselves_is_no_setting(tmp_path: Path) -> None:
    load(tmp_path, CONSELHO_EXECUTION="x", CONSELHO_TEST_POSTGRES_URL="y")


@pytest.mark.parametrize("content", ["seats = ", "seats = 'many'", b"\xff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: str | bytes) -> None:
    (tmp_path / "conselho.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(errors.Invalid, match=r"conselho\.toml|seats"):
        load(tmp_path)


def test_another_file_may_be_named_but_must_be_there(tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text("seats = 3")
    assert load(tmp_path, "seats = 2", CONSELHO_CONFIG=str(other)).seats == 3
    with pytest.raises(errors.Invalid, match=r"missing\.toml cannot be read"):
        load(tmp_path, CONSELHO_CONFIG=str(tmp_path / "missing.toml"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEATS", "0"), ("SEATS", "1001"), ("SEATS", "four"), ("SEATS", ""), ("SEATS", "1.5"), ("PORT", "65536"),
        ("PORT", "-1"), ("LEASE_SECONDS", "0.9"), ("LEASE_SECONDS", "nan"), ("DEFAULT_TIMEOUT_SECONDS", "0"),
        ("CONTAINMENT", "none"), ("WORKER_NAME", "x" * 101), ("LOG_BYTES_MAX", "99999"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_with_its_key(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(errors.Invalid, match=f"setting `{name.lower()}`: ") as caught:
        settings.load({"data_dir": tmp_path}, {f"CONSELHO_{name}": value})
    assert "\n" not in caught.value.sentence


def test_a_database_has_one_address(tmp_path: Path) -> None:
    assert load(tmp_path).url == f"sqlite:///{tmp_path}/conselho.db"
    assert load(tmp_path, CONSELHO_DATABASE_URL="postgresql://db/x").url == "postgresql://db/x"


def test_a_data_directory_in_which_the_database_would_not_be_is_refused(tmp_path: Path) -> None:
    with pytest.raises(errors.Invalid, match=r"`data_dir`.*question mark"):
        settings.load({"data_dir": tmp_path / "what?"}, environ={})
    odd = settings.load({"data_dir": tmp_path / "50% of a:b@c#d"}, environ={})
    assert make_url(odd.url).database == str(odd.data_dir / "conselho.db")


def test_a_relative_data_directory_is_made_absolute_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = settings.load({"data_dir": "here/../there"}, {})
    monkeypatch.chdir("/")
    assert found.data_dir == tmp_path / "there"
    assert found.runs_dir == tmp_path / "there" / "runs"


def test_a_home_directory_may_be_abbreviated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert settings.load({"data_dir": "~/data"}, {}).data_dir == tmp_path / "data"


def test_the_socket_lies_in_the_data_directory_up_to_a_hundred_bytes(tmp_path: Path) -> None:
    room = settings.SOCKET_PATH_BYTES_MAX - len("/conselho.sock")
    longest = Path("/" + "é" * ((room - 1) // 2) + "x" * ((room - 1) % 2))
    assert len(os.fsencode(longest / "conselho.sock")) == 100
    assert load(tmp_path, flags={"data_dir": longest}).socket_path == longest / "conselho.sock"


def test_the_socket_of_a_longer_path_lies_in_the_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Path(f"/tmp/conselho-test-{os.getpid()}")
    runtime.mkdir(mode=0o700)
    try:
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        deep = tmp_path / ("d" * 100)
        one, same, other = (load(tmp_path, flags={"data_dir": each}).socket_path for each in (deep, deep, deep / "x"))
        assert one == same != other
        assert one.parent == runtime
        assert len(os.fsencode(one)) <= settings.SOCKET_PATH_BYTES_MAX
    finally:
        runtime.rmdir()


def test_without_a_runtime_directory_one_is_made_for_the_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = load(tmp_path, flags={"data_dir": tmp_path / ("d" * 100)}).socket_path
    assert path.parent == tmp_path / f"conselho-{os.getuid()}"
    assert path.parent.stat().st_mode & 0o777 == 0o700
    path.parent.chmod(0o755)
    with pytest.raises(errors.Invalid, match="not a directory of yours alone"):
        load(tmp_path, flags={"data_dir": tmp_path / ("d" * 100)}).socket_path  # noqa: B018
    path.parent.rmdir()
    path.parent.symlink_to(tmp_path)
    with pytest.raises(errors.Invalid, match="not a directory of yours alone"):
        load(tmp_path, flags={"data_dir": tmp_path / ("d" * 100)}).socket_path  # noqa: B018


def sources(data_dir: Path, toml: str, flags: dict[str, object], **variables: str) -> dict[str, Source]:
    (data_dir / "conselho.toml").write_text(toml, encoding="utf-8")
    return settings.trace(flags, {"CONSELHO_DATA_DIR": str(data_dir), **variables}).sources


def test_each_value_says_where_it_came_from(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://db/x\n")
    found = sources(
        tmp_path,
        "seats = 2\nhost = '::1'",
        {"seats": 8, "port": None},
        CONSELHO_SEATS="5",
        CONSELHO_PORT="5",
        CONSELHO_DATABASE_URL_FILE=str(tmp_path / "url"),
    )
    assert found["seats"] == Source("flag", "--seats")
    assert found["port"] == Source("variable", "CONSELHO_PORT")
    assert found["database_url"] == Source("variable", "CONSELHO_DATABASE_URL_FILE")
    assert found["host"] == Source("file", str(tmp_path / "conselho.toml"))
    assert found["lease_seconds"] == Source("default")
    assert found.keys() == Settings.model_fields.keys()


def test_the_data_directory_says_where_it_came_from_too(tmp_path: Path) -> None:
    assert sources(tmp_path, "", {})["data_dir"] == Source("variable", "CONSELHO_DATA_DIR")
    assert sources(tmp_path, "", {"data_dir": tmp_path})["data_dir"] == Source("flag", "--data-dir")
    assert (
        settings.trace({}, {"CONSELHO_CONFIG": str(tmp_path / "conselho.toml")}).sources["data_dir"].kind == "default"
    )


def test_the_file_that_was_read_is_known(tmp_path: Path) -> None:
    assert settings.trace({"data_dir": tmp_path}, {}).file is None
    (tmp_path / "conselho.toml").touch()
    assert settings.trace({"data_dir": tmp_path}, {}).file == tmp_path / "conselho.toml"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql://ana:secret@db/x", "postgresql://ana:***@db/x"),
        ("postgresql://ana:sec@ret@db/x", "postgresql://ana:***@db/x"),
        ("postgresql://ana:sec/ret@db:5432/x", "postgresql://ana:***@db:5432/x"),
        ("postgresql://:secret@db/x", "postgresql://:***@db/x"),
        ("postgresql://db/x?user=ana&password=secret&sslmode=require", "postgresql://db/x?user=ana&password=***&sslmode=require"),
        ("postgresql://db/x?sslpassword=secret", "postgresql://db/x?sslpassword=***"),
        ("postgresql://ana@db:5432/x?user=b", "postgresql://ana@db:5432/x?user=b"),
        ("postgresql://db:5432/x", "postgresql://db:5432/x"),
        ("sqlite:////srv/a:b/x.db", "sqlite:////srv/a:b/x.db"),
    ],
)  # fmt: skip
def test_a_password_in_an_address_is_not_shown(url: str, seen: str) -> None:
    assert settings.shown("database_url", url) == seen


def test_what_is_no_address_is_shown_as_it_is() -> None:
    assert settings.shown("worker_name", "http://a:b@c") == "http://a:b@c"
    assert settings.shown("database_url", None) is None
    assert settings.shown("seats", 4) == 4


def test_every_setting_says_what_it_is_and_counts_what_its_name_says() -> None:
    for key, field in Settings.model_fields.items():
        assert field.description, key
        assert not field.description.endswith("."), key
    assert [settings.unit(key) for key in ("lease_seconds", "log_bytes_max", "seats")] == ["seconds", "bytes", None]
    assert settings.variable("log_bytes_max") == "CONSELHO_LOG_BYTES_MAX"


def test_settings_do_not_change(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).seats = 9  # type: ignore[misc]


@pytest.mark.parametrize("url", ["mysql://ana:secret@host/x", "secret", " "])
def test_a_database_url_of_neither_kind_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(errors.Invalid, match="setting `database_url`: write postgresql://") as told:
        load(tmp_path, CONSELHO_DATABASE_URL=url)
    assert "secret" not in told.value.sentence
