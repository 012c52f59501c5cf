"""Which settings are there, in what unit, and where does each value come from?

Flags win over `CONSELHO_*` variables (`CONSELHO_X_FILE` names a file that holds the value, for secrets), those
over `conselho.toml` in the data directory, that over the defaults below. An unknown key is an error: a
misspelt limit would otherwise silently not hold.
"""

import hashlib
import os
import re
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from conselho import errors

PREFIX = "CONSELHO_"
FILE_SUFFIX = "_FILE"
# Set by Conselho for the runs it starts, or read by its test suite: not settings.
NOT_SETTINGS = (
    "CONSELHO_EXECUTION", "CONSELHO_CARD", "CONSELHO_COMMAND", "CONSELHO_BASE", "CONSELHO_CHECK", "CONSELHO_TEST_",
    "CONSELHO_CONFIG",
)  # fmt: skip
DATABASES = ("sqlite:", "sqlite+pysqlite:", "postgresql:", "postgresql+psycopg:", "postgres:")
SOCKET_PATH_BYTES_MAX = 100  # sun_path holds 108 bytes on Linux, 104 on macOS


def _data_directory() -> Path:
    return Path(platformdirs.user_data_dir("conselho", appauthor=False))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from. `kind`: flag, variable, file or default; `name`: which one, None for a default."""

    kind: str
    name: str | None = None


_Given = dict[str, tuple[Any, Source]]
_DEFAULT = Source("default")


class Settings(BaseModel):
    """Every setting, checked; made by `load`. Its unit is in its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Annotated[Path, Field(description="where everything is kept")] = Field(default_factory=_data_directory)
    database_url: Annotated[str | None, Field(description="PostgreSQL address; none means SQLite in data_dir")] = None
    host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="TCP port to listen on; 0 takes a free one")] = 8585
    seats: Annotated[int, Field(ge=1, le=1000, description="runs at once on this worker")] = 4
    worker_name: Annotated[
        str | None, Field(max_length=100, description="how this worker calls itself; none means the host's name")
    ] = None
    log_bytes_max: Annotated[
        int, Field(ge=100_000, le=10_000_000_000, description="a run's output that is kept; what is over is counted")
    ] = 50_000_000
    log_tail_bytes: Annotated[
        int, Field(ge=10_000, le=100_000_000, description="of `log_bytes_max`, kept for the end of what was printed")
    ] = 1_000_000
    term_grace_seconds: Annotated[
        float, Field(ge=0.05, le=600, description="how long a run that is ended has between TERM and KILL")
    ] = 10.0
    kill_seconds: Annotated[
        float, Field(ge=0.1, le=600, description="how long KILL is repeated before a survivor makes a run `tree_left`")
    ] = 30.0
    lease_seconds: Annotated[
        float, Field(ge=1, le=3600, description="a worker that is silent for so long has lost its runs")
    ] = 60.0
    renew_seconds: Annotated[
        float, Field(ge=0.1, le=600, description="how often a worker renews its leases, ± 10 %: well within the lease")
    ] = 10.0
    outage_seconds: Annotated[
        float,
        Field(ge=0.5, le=3600, description="when nobody looked for so long, leases are extended and none is lost"),
    ] = 15.0
    lost_after_seconds: Annotated[
        float, Field(ge=1, le=30 * 86400, description="a run whose worker is unreachable for so long is lost")
    ] = 3600.0
    default_timeout_seconds: Annotated[
        float | None,
        Field(ge=1, le=7 * 86400, description="the timeout of a run that names none; none means seven days"),
    ] = None
    poll_seconds: Annotated[
        float, Field(ge=0.05, le=60, description="how often loops look by themselves when no signal comes")
    ] = 1.0
    background_idle_seconds: Annotated[
        float, Field(ge=1, le=86400, description="how long a server that `run` started stays after its last run")
    ] = 60.0
    events_kept_seconds: Annotated[
        float,
        Field(
            ge=60,
            le=100 * 365 * 86400,
            description="how long events are kept, and longer for who has not read them; those of cards and councilors"
            " stay",
        ),
    ] = 7 * 86400.0
    logs_kept_seconds: Annotated[
        float,
        Field(
            ge=60,
            le=100 * 365 * 86400,
            description="how long after its end an execution's log is kept; its result stays",
        ),
    ] = 30 * 86400.0
    slots_kept_seconds: Annotated[
        float,
        Field(
            ge=60,
            le=100 * 365 * 86400,
            description="how long it is kept what became of each moment of a councilor; its executions stay",
        ),
    ] = 365 * 86400.0
    streams_per_client_max: Annotated[
        int, Field(ge=1, le=100_000, description="streams that one address may have open at once")
    ] = 20
    containment: Annotated[
        str,
        Field(
            pattern="^(auto|cgroup|subreaper)$",
            description="how a run's process tree is held together; auto: by a cgroup where one can be made",
        ),
    ] = "auto"

    @field_validator("data_dir")
    @classmethod
    def _has_an_address(cls, place: Path) -> Path:
        if "?" in str(place):  # what follows would be taken as options, and the database made somewhere else
            raise ValueError("it must not contain a question mark")
        return place

    @property
    def url(self) -> str:
        """The database's address as SQLAlchemy reads it."""
        return self.database_url or f"sqlite:///{self.data_dir / 'conselho.db'}"

    @property
    def runs_dir(self) -> Path:
        """Where live runs have their directories."""
        return self.data_dir / "runs"

    @property
    def socket_path(self) -> Path:
        """The Unix socket, moved to the runtime directory where the path would be too long for one."""
        beside = self.data_dir / "conselho.sock"
        if len(os.fsencode(beside)) <= SOCKET_PATH_BYTES_MAX:
            return beside
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return _runtime_directory() / f"{digest}.sock"


@dataclass(frozen=True, slots=True)
class Traced:
    """The settings in force, where each came from, and the file that was read, None where there is none."""

    settings: Settings
    sources: dict[str, Source]
    file: Path | None


def load(overrides: dict[str, Any] | None = None, environ: dict[str, str] | None = None) -> Settings:
    """The settings in force; `overrides` (flags) whose value is None are taken as not given.

    Raises: errors.Invalid naming the key and where it stood.
    """
    return trace(overrides, environ).settings


def trace(overrides: dict[str, Any] | None = None, environ: dict[str, str] | None = None) -> Traced:
    """The same, and where each came from. Raises: errors.Invalid."""
    environment = dict(os.environ) if environ is None else environ
    flags = _from_flags(overrides or {})
    variables = _from_variables(environment)
    said, source = next(
        (given["data_dir"] for given in (flags, variables) if given.get("data_dir", ("",))[0]),
        (_data_directory(), _DEFAULT),
    )
    # resolve() would follow links, and Path's expanduser() fails where there is no such user.
    data_dir = Path(os.path.abspath(os.path.expanduser(said)))  # noqa: PTH100, PTH111
    file, written = _from_file(data_dir, environment)
    merged = {**written, **variables, **flags, "data_dir": (data_dir, source)}
    try:
        found = Settings(**{key: value for key, (value, _) in merged.items()})
    except ValidationError as error:
        raise errors.Invalid(_sentence(error)) from None
    if not found.url.startswith(DATABASES):
        # The value is not shown: a password may stand anywhere in it.
        raise errors.Invalid("setting `database_url`: write postgresql://USER@HOST/NAME or sqlite:///PATH")
    sources = {key: merged[key][1] if key in merged else _DEFAULT for key in Settings.model_fields}
    return Traced(found, sources, file)


def variable(key: str) -> str:
    """The variable that sets it."""
    return PREFIX + key.upper()


def unit(key: str) -> str | None:
    """What its number counts, None where it is plain."""
    return next((word for word in ("seconds", "bytes") if word in key.split("_")), None)


def shown(key: str, value: object) -> object:
    """A value as anybody may see it: passwords in addresses are hidden, up to the last @ that could end one."""
    if not key.endswith("_url") or not isinstance(value, str):
        return value
    return re.sub(r"((?:^|[?&])\w*password=)[^&]*", r"\1***", re.sub(r"(://[^:/?@]*):.*@", r"\1:***@", value))


def _from_flags(overrides: dict[str, Any]) -> _Given:
    given = {key: value for key, value in overrides.items() if value is not None}
    return {key: (value, Source("flag", f"--{key.replace('_', '-')}")) for key, value in given.items()}


def _from_variables(environ: dict[str, str]) -> _Given:
    found: _Given = {}
    for name, value in environ.items():
        if not name.startswith(PREFIX) or name.startswith(NOT_SETTINGS):
            continue
        key = name.removeprefix(PREFIX).lower()
        source = Source("variable", name)
        if key in Settings.model_fields:
            found[key] = (value, source)
        elif name.endswith(FILE_SUFFIX) and key.removesuffix("_file") in Settings.model_fields:
            if name.removesuffix(FILE_SUFFIX) in environ:
                raise errors.Invalid(f"{name} and {name.removesuffix(FILE_SUFFIX)} are both set: unset one of them")
            found[key.removesuffix("_file")] = (_read_secret(name, Path(value)), source)
        else:
            raise errors.Invalid(f"{name} is no setting of Conselho: unset it or mend its spelling")
    return found


def _read_secret(name: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.Invalid(f"{name} names {path}, which cannot be read: {error}") from error


def _from_file(data_dir: Path, environ: dict[str, str]) -> tuple[Path | None, _Given]:
    named = environ.get("CONSELHO_CONFIG")
    path = Path(named or data_dir / "conselho.toml")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        if isinstance(error, FileNotFoundError | NotADirectoryError) and not named:
            return None, {}
        raise errors.Invalid(f"{path} cannot be read as settings: {error}") from error
    for key in found:
        if key not in Settings.model_fields or key == "data_dir":
            raise errors.Invalid(f"{path}: `{key}` is no setting that can stand there")
    return path, {key: (value, Source("file", str(path))) for key, value in found.items()}


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    return f"setting `{key}`: {first['msg'].lower()} (it is {str(first['input'])[:100]!r})"


def _runtime_directory() -> Path:
    given = os.environ.get("XDG_RUNTIME_DIR")
    if given and Path(given).is_dir() and len(os.fsencode(given)) <= SOCKET_PATH_BYTES_MAX - 40:
        return Path(given)
    own = Path(tempfile.gettempdir()) / f"conselho-{os.getuid()}"
    own.mkdir(mode=0o700, exist_ok=True)
    facts = own.lstat()
    if facts.st_uid != os.getuid() or facts.st_mode & 0o077 or own.is_symlink():
        raise errors.Invalid(f"{own} is not a directory of yours alone: remove it or set XDG_RUNTIME_DIR")
    return own
