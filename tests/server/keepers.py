"""A process that holds a data directory: `python -m tests.server.keepers DATA_DIR KIND`.

Prints what came of it, `held` or a sentence; what it holds it keeps until its stdin ends.
"""

import sys
from pathlib import Path

from conselho import errors
from conselho.server import holder


def main(data_dir: Path, kind: str) -> None:
    """Hold it, and say so."""
    try:
        with holder.take(data_dir, kind, data_dir / "conselho.sock"):
            print("held", flush=True)  # noqa: T201 - it talks to its test
            sys.stdin.read()
    except errors.DataDirectoryHeld as error:
        print(error.sentence, flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
