"""A process that dies while it indexes: `python -m tests.executions.dying_indexer URL UNIT`.

UNIT 0: within its first unit, after all its statements and before the commit; 1: within its second.
"""

import os
import sys

from conselho.db.session import Database, Tx
from conselho.executions import search

EXIT_CODE = 9


def index_and_die(tx: Tx) -> None:
    search.index_next(tx)
    os._exit(EXIT_CODE)


if __name__ == "__main__":
    database = Database(sys.argv[1])
    for _ in range(int(sys.argv[2])):
        database.submit(search.index_next).result()
    database.submit(index_and_die).result()
