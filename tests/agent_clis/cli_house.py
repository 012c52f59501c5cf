"""A house whose servers drive real agent CLIs against a scripted model, on an island.

Everything it starts - servers, CLIs, the model - shares one network namespace that has nothing but loopback, a HOME of
its own and no key but dummies. The test speaks to the server over its Unix socket, as ever.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.acceptance.house import House, Server
from tests.acceptance.nursery import REPOSITORY, Nursery
from tests.acceptance.waiting import until
from tests.agent_clis import island

PROGRAMS = Path(__file__).parent / "node_modules" / ".bin"
# Of the caller's own environment: the rest may hold keys, proxies, or settings of the CLIs.
KEPT = ("LANG", "LC_ALL", "LOGNAME", "SHELL", "TZ", "USER", "VIRTUAL_ENV")


class Model:
    """A scripted model that was started for one test. `url` has no path."""

    def __init__(self, place: Path, nursery: Nursery, turns: Sequence[Any]) -> None:
        place.mkdir()
        self._requests = place / "requests.jsonl"
        scenario, port_file = place / "scenario.json", place / "port"
        scenario.write_text(json.dumps(turns))
        words = ["-m", "tests.scripted_model", str(scenario), str(port_file), str(self._requests)]
        self._process = subprocess.Popen(
            [*island.bridge(nursery.pid), sys.executable, *words], cwd=REPOSITORY, stdin=subprocess.DEVNULL
        )
        until(port_file.exists, "the scripted model to listen")
        self.url = f"http://127.0.0.1:{port_file.read_text()}"

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far, as `tests/scripted_model/server.py` keeps them."""
        try:
            return [json.loads(line) for line in self._requests.read_text().splitlines()]
        except FileNotFoundError:
            return []

    def turns(self) -> list[dict[str, Any]]:
        """The requests that took a turn."""
        return [each for each in self.requests() if each["turn"] is not None]

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


class CliHouse(House):
    """`home` is the HOME of all its runs, `repo` the directory they work in."""

    def __init__(self, data_dir: Path, database_url: str | None, nursery: Nursery) -> None:
        super().__init__(data_dir, database_url, nursery)
        self.home, self.repo = self.scratch / "home", self.scratch / "repo"
        self.home.mkdir()
        self.repo.mkdir()
        (self.repo / "README.md").write_text("A small project.\n")
        self._island = nursery
        self._models: list[Model] = []

    @property
    def environment(self) -> dict[str, str]:
        """That of its servers, and so of their runs."""
        inherited = super().environment
        found = {name: value for name, value in inherited.items() if name in KEPT or _is_ours(name)}
        path = os.pathsep.join((str(PROGRAMS), os.environ.get("PATH", os.defpath)))
        return found | {"HOME": str(self.home), "PATH": path}

    def model(self, turns: Sequence[Any]) -> Model:
        """Start a model that says these turns, see `tests/scripted_model/scenario.py`."""
        self._models.append(Model(self.scratch / f"model-{len(self._models)}", self._island, turns))
        return self._models[-1]

    def ask(self, server: Server, provider: str, prompt: str, **wish: Any) -> str:
        """Have a CLI asked; returns the id of the execution. `wish`: what else its request says - `env`, `options`."""
        body = {"provider": provider, "prompt": prompt, "cwd": str(self.repo), "timeout_seconds": 60} | wish
        answer = server.http.post("/executions", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def given_up(self, server: Server, execution: str) -> dict[str, Any]:
        """Cancel it once it tells of a try that failed; what is shown of it at its end."""
        until(lambda: texts(server.log(execution), "warning"), "a try that failed")
        server.cancel(execution)
        return server.end_of(execution)

    def close(self) -> None:
        """End the models, and everything else of this house."""
        for model in self._models:
            model.close()
        super().close()


def texts(lines: Sequence[dict[str, Any]], kind: str) -> list[str]:
    """The texts of a log's lines of that kind."""
    return [line["text"] for line in lines if line["kind"] == kind]


def _is_ours(name: str) -> bool:
    return name == "TMPDIR" or name.startswith("CONSELHO_")
