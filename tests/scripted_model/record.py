"""How are the streams recorded that the tests of providers replay?

    python -m tests.scripted_model.record [NAME…]

runs the real CLIs on an island and writes what they print to tests/providers/streams/: NAME-SCENARIO.jsonl, and
NAME-SCENARIO.stderr.txt where there was any. A NAME is that of a CLI (`claude`) or of one recording (`claude-tools`);
none means all. What changes from one time to the next - ids, moments, the port - is left as it was.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import dropwhile, islice, takewhile
from pathlib import Path

from conselho.providers.base import Invocation, Task
from tests.acceptance import traces
from tests.acceptance.waiting import until
from tests.agent_clis import island
from tests.agent_clis.cli_house import PROGRAMS
from tests.scripted_model import recorded_claude, recorded_codex, recorded_gemini, recorded_opencode
from tests.scripted_model.recording import LAST, PLACE, Cli, Recording

CLIS: tuple[Cli, ...] = (recorded_claude.CLI, recorded_codex.CLI, recorded_gemini.CLI, recorded_opencode.CLI)

STREAMS = Path(__file__).parents[1] / "providers" / "streams"
ON_THE_ISLAND = "--on-the-island"
RUN_SECONDS_MAX = 120.0


def main(names: Sequence[str]) -> None:
    """Record what is named; on an island, to which this program takes itself."""
    if ON_THE_ISLAND not in names:
        words = [sys.executable, "-m", "tests.scripted_model.record", ON_THE_ISLAND, *names]
        os.execvp("unshare", [*island.shore(), *words])  # noqa: S606 - the tests' own program
    wanted = set(names) - {ON_THE_ISLAND}
    for cli in CLIS:
        session = None
        for name, recording in cli.recordings.items():
            if wanted.isdisjoint(_names(cli, name)) and wanted:
                continue
            print(f"{cli.provider.name}-{name}", flush=True)  # noqa: T201 - a program of the terminal
            if recording.session != LAST:
                shutil.rmtree(PLACE, ignore_errors=True)
            session = record(cli, name, recording, session)
    shutil.rmtree(PLACE, ignore_errors=True)


def _names(cli: Cli, name: str) -> set[str]:
    """What a recording is named by: also by those that go on with it, which need its session."""
    following = dropwhile(lambda each: each != name, cli.recordings)
    heirs = takewhile(lambda each: cli.recordings[each].session == LAST, islice(following, 1, None))
    return {cli.provider.name, *(f"{cli.provider.name}-{each}" for each in (name, *heirs))}


def record(cli: Cli, name: str, recording: Recording, last: str | None) -> str | None:
    """Run it, and keep what it prints; returns its session."""
    home, repo, files = PLACE / "home", PLACE / cli.folder, PLACE / "files"
    for folder in (home, repo, files):
        folder.mkdir(parents=True, exist_ok=True)
    (repo / "README.md").write_text("A small project.\n")
    task = Task(
        prompt=recording.prompt,
        model=recording.model,
        options=recording.options,
        cwd=str(repo),
        session=last if recording.session == LAST else recording.session,
        folder=str(files),
    )
    invocation = cli.provider.invocation(task)
    for file, text in invocation.files.items():
        (files / file).write_text(text)
    with _model(recording.turns) as url:
        env = {**invocation.env, **invocation.fixed, **(recording.prepare or cli.prepare)(home, url), **recording.env}
        printed = _run(recording, invocation, env, repo)
    stream = STREAMS / f"{cli.provider.name}-{name}.jsonl"
    stream.write_text(_shown(printed[0], cli))
    noise = stream.with_suffix(".stderr.txt")
    noise.unlink(missing_ok=True)
    if printed[1]:
        noise.write_text(_shown(printed[1], cli))
    return cli.session_of(printed[0])


def _shown(text: str, cli: Cli) -> str:
    for ours, shown in cli.shown_as.items():
        text = text.replace(ours, shown)
    return text


@contextmanager
def _model(turns: Sequence[object]) -> Iterator[str]:
    """A model that says these turns; its URL."""
    place = PLACE / "model"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    scenario, port_file = place / "scenario.json", place / "port"
    scenario.write_text(json.dumps(list(turns)))
    words = ["-m", "tests.scripted_model", str(scenario), str(port_file), str(place / "requests.jsonl")]
    with subprocess.Popen([sys.executable, *words]) as serving:
        until(port_file.exists, "the scripted model to listen")
        yield f"http://127.0.0.1:{port_file.read_text()}"
        serving.kill()


def _run(recording: Recording, invocation: Invocation, env: Mapping[str, str], cwd: Path) -> tuple[str, str]:
    """What the CLI prints on stdout and stderr."""
    usual = {"HOME": str(PLACE / "home"), "TMPDIR": str(PLACE), "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"}
    asked, out, err = PLACE / "in", PLACE / "out", PLACE / "err"
    asked.write_bytes(invocation.stdin or b"")
    with asked.open("rb") as stdin, out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            invocation.argv,
            env={**usual, **env},
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
    if recording.stop_at is not None:
        sought = recording.stop_at
        until(lambda: sought in out.read_text(), f"{sought} to be printed")
        os.killpg(process.pid, recording.stop_by)
    process.wait(RUN_SECONDS_MAX)
    traces.end(str(PLACE / "home"))  # what it left running: its tools have sessions of their own
    return out.read_text(), err.read_text()


if __name__ == "__main__":
    main(sys.argv[1:])
