"""A process that holds the lock of a working directory: `python -m tests.worker.holders PATH shared|exclusive`.

Prints `held` or `busy`; what it holds it keeps until its stdin ends.
"""

import sys

from conselho.worker.directory import DirectoryBusy, working_directory


def main(path: str, how: str) -> None:
    """Hold it, and say so."""
    try:
        with working_directory(path, exclusive=how == "exclusive"):
            print("held", flush=True)  # noqa: T201 - it talks to its test
            sys.stdin.read()
    except DirectoryBusy:
        print("busy", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
