"""Processes that append events as fast as they can: `python -m tests.events.writers URL PROCESSES THREADS EACH`.

Prints `ready` and waits for a line on stdin; prints `done` once all of them have ended well. They are forked from
one, before anything is opened, because importing takes longer than all that they do.
"""

import os
import sys
import threading

from conselho.db.session import Database, Tx
from conselho.events import log


def add(tx: Tx, name: str, number: int) -> None:
    """One unit with two events, as a change of state that makes another has."""
    for part in ("a", "b"):
        log.append(tx, "test.happened", data={"by": name, "number": number, "part": part})


def write(url: str, process: int, threads: int, each: int) -> None:
    """Write from several threads, each waiting for its unit before the next."""
    database = Database(url)

    def write_in_order(thread: int) -> None:
        for number in range(each):
            database.submit(add, f"{process}.{thread}", number).result(30)

    writing = [threading.Thread(target=write_in_order, args=(thread,)) for thread in range(threads)]
    for thread in writing:
        thread.start()
    for thread in writing:
        thread.join()
    database.close()


def main(url: str, processes: int, threads: int, each: int) -> None:
    """Begin all of them together, and wait for them."""
    print("ready", flush=True)  # noqa: T201 - it talks to its test
    sys.stdin.readline()
    children = []
    for process in range(processes):
        child = os.fork()
        if child == 0:
            write(url, process, threads, each)
            os._exit(0)
        children.append(child)
    if not any(os.waitpid(child, 0)[1] for child in children):
        print("done", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
