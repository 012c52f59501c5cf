"""PostgreSQL servers of a test's own, which it may end, copy and promote."""

import subprocess
import sys
from pathlib import Path

import psycopg

from tests import databases, postgres_server
from tests.acceptance.waiting import PATIENCE_SECONDS


class Cluster:
    """One server; a standby of another, as that is now, where one is given."""

    def __init__(self, original: "Cluster | None" = None) -> None:
        initdb = databases.initdb()
        assert initdb is not None, databases.MISSING
        # It lives as long as a process that ends with the test, or with us.
        self._life = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        words = [str(self._life.pid), str(initdb.parent), *([] if original is None else [original.url])]
        self._keeper = subprocess.Popen(
            [sys.executable, postgres_server.__file__, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            start_new_session=True,
        )
        assert self._keeper.stdout is not None
        self.url: str = self._keeper.stdout.readline().strip()
        assert self.url, "it does not start"

    def promote(self) -> None:
        """Let a standby go on by itself."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)

    def end(self) -> None:
        """End it at once, as if its host had failed; nothing of it is left."""
        assert self._life.stdin is not None
        self._life.stdin.close()
        self._life.wait()
        self._keeper.wait(PATIENCE_SECONDS)
        assert self._keeper.stdout is not None
        self._keeper.stdout.close()
