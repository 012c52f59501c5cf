"""How is a run followed to its end, whatever happens to the server meanwhile?

Each line has a number; after a break the stream is asked for what comes after the last one seen, so no line is
lost or shown twice. The stream's last message is the execution itself.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from conselho import errors

if TYPE_CHECKING:
    from conselho.cli.client import Api

Execution = dict[str, Any]

PAGE_LINES = 1000
"""The most a page of the API holds."""

PAUSE_SECONDS = 0.1
"""Between a stream's end and asking again."""


@dataclass(frozen=True)
class Line:
    """One line of a log, as the server tells it."""

    seq: int
    at: str
    kind: str
    text: str
    data: dict[str, Any] | None = None

    @classmethod
    def of(cls, told: dict[str, Any]) -> "Line":
        """From the server's JSON; fields this program does not know are left out."""
        return cls(told["seq"], told["at"], told["kind"], told["text"], told.get("data"))

    def as_json(self) -> str:
        """For `--json`."""
        told = self.__dict__ if self.data is not None else {k: v for k, v in self.__dict__.items() if k != "data"}
        return json.dumps(told, ensure_ascii=False)


def follow(api: "Api", identity: str, after: int = 0) -> Iterator[Line | Execution]:
    """Lines with a number above `after` as they come, then the finished execution.

    Raises: errors.Unavailable when nobody serves any more and no server can be started.
    """
    while True:
        try:
            with api.stream(f"/executions/{identity}/log/stream", after) as messages:
                for event, data in messages:
                    told = json.loads(data)
                    if event == "end":
                        yield told
                        return
                    if event == "message" and told["seq"] > after:
                        after = told["seq"]
                        yield Line.of(told)
        except errors.Unavailable:
            api.revive()
        # Also after a stream that ended well: a server that is being replaced ends them all.
        time.sleep(PAUSE_SECONDS)  # so that asking again is no busy loop


def stored(api: "Api", identity: str, after: int = 0) -> Iterator[Line]:
    """The lines that are there now, page by page."""
    place: int | None = after
    while place is not None:
        page = api.get(f"/executions/{identity}/log", after=place, limit=PAGE_LINES)
        for told in page["items"]:
            yield Line.of(told)
        place = page["next"]
