"""A page that shows executions, as a browser would: it loads them once, follows the events, and comes back when cut."""

import time
from typing import Any

from tests.acceptance.house import Server
from tests.acceptance.waiting import LOOK_SECONDS
from tests.acceptance.watchers import Message, Watcher

PATH = "/events/stream?topics=executions"
STATUS = {
    "execution.queued": "queued",
    "execution.claimed": "claimed",
    "execution.started": "running",
    "execution.requeued": "queued",
}


class Page:
    """What it shows: the status of each execution. Its server may be another one each time."""

    def __init__(self, server: Server) -> None:
        self.shown: dict[str, str] = {}
        self.resets: list[str] = []  # why it was told to load anew
        self._watcher = Watcher()
        self.load(server)

    @property
    def as_of(self) -> str:
        """The place that it would come back with."""
        return str(self._watcher.last_id)

    def load(self, server: Server) -> None:
        """Load all of it anew, and go on from there."""
        self._watcher.last_id = server.http.get("/executions", params={"limit": 1}).json()["as_of"]  # before all pages
        self.shown = loaded(server)

    def follow(self, server: Server, execution_id: str) -> None:
        """Watch until it shows the end of that one; then its wire is cut."""
        while self.shown.get(execution_id) != "succeeded":
            for message in self._watcher.hear(server.socket_path, PATH):
                self._take(server, message)
                if message.event == "reset" or self.shown.get(execution_id) == "succeeded":
                    break
            else:
                time.sleep(LOOK_SECONDS)  # a stream that ends at once need not be asked for at once

    def _take(self, server: Server, message: Message) -> None:
        if message.event is None:
            return
        if message.event == "reset":
            self.resets.append(message.data["reason"])
            self.load(server)
            return
        told: dict[str, Any] = message.data
        status = told["data"]["status"] if message.event == "execution.finished" else STATUS[message.event]
        self.shown[told["execution_id"]] = status


def loaded(server: Server) -> dict[str, str]:
    """What the API says of all."""
    return {each["id"]: each["status"] for each in server.all()}
