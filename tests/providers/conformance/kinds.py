"""Every provider there is, and what was recorded of its CLI."""

from datetime import UTC, datetime
from pathlib import Path

from conselho.providers import registry
from conselho.providers.base import Output, Provider, Task
from conselho.providers.options import Options

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
STREAMS = Path(__file__).parents[1] / "streams"
PROVIDERS = [registry.find(name) for name in registry.names()]
CLIS = [each for each in PROVIDERS if each.program is not None]
FOLDER = "/srv/runs/1.1/files"


def task(prompt: str | None = "Look around.", *, options: Options | None = None, **changes: object) -> Task:
    """A task as the worker makes it."""
    usual = {"cwd": "/srv/shop", "new_session": "3f0c2a10-0000-4000-8000-000000000001", "folder": FOLDER}
    return Task(prompt=prompt, options=options or Options(), **(usual | changes))  # type: ignore[arg-type]


def task_of(provider: Provider, **changes: object) -> Task:
    """The smallest task that this provider takes."""
    return task(**changes) if provider.program else task(None, argv=("true",), **changes)  # type: ignore[arg-type]


def recorded(provider: Provider) -> list[str]:
    """Lines that its CLI printed on stdout."""
    files = sorted(STREAMS.glob(f"{provider.name}-*.jsonl"))
    return [line for file in files for line in file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]


def printed(*lines: str, stream: str = "stdout", is_whole: bool = True) -> Output:
    return Output(stream, lines, NOON, is_whole)
