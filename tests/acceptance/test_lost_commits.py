"""What if the connection breaks during a COMMIT, so that nobody can say whether it happened?"""

from typing import Any

import pytest

from tests.acceptance import agents
from tests.acceptance.house import MakeHouse, Server
from tests.acceptance.waiting import until
from tests.db.proxy import Proxy


class CommitCutter(Proxy):
    """Cuts the wire at the COMMIT of the transaction that tells of one kind of event."""

    _kind: bytes | None = None

    def cut_commit_of(self, kind: str, *, delivered: bool) -> None:
        self._delivered = delivered
        self._kind = kind.encode()

    @property
    def is_done(self) -> bool:
        return self._kind is None and self._cut_at is None

    def _cuts(self, data: bytes, server: Any) -> bool:
        if self._kind is not None and self._kind in data:
            self._kind = None
            self.cut_at(b"COMMIT", delivered=self._delivered)
        return super()._cuts(data, server)


@pytest.mark.parametrize("delivered", [True, False], ids=["committed", "not committed"])
def test_a_commit_whose_answer_is_lost_neither_loses_nor_repeats_a_run(
    make_house: MakeHouse, postgres_database_url: str, *, delivered: bool
) -> None:
    with CommitCutter(postgres_database_url) as wire:
        house = make_house(wire.url)
        server = house.serve()
        for kind in ("execution.queued", "execution.claimed", "execution.started", "execution.finished"):
            wire.cut_commit_of(kind, delivered=delivered)

            execution_id = accepted(server, key=f"once: {kind[-6:]}")
            ended = server.end_of(execution_id)

            assert wire.is_done
            assert ended["status"] == "succeeded", kind
            assert server.said(execution_id) == [str(number) for number in range(1, 11)]
            assert house.starts(execution_id) == 1
        house.close()


def accepted(server: Server, key: str) -> str:
    """Ask, with the same key, until it is accepted."""

    def ask() -> str | None:
        answer = server.post(agents.count(10), key=key)
        assert answer.status_code in {202, 503}
        return str(answer.json()["id"]) if answer.status_code == 202 else None

    return until(ask, "the run to be accepted") or ""
