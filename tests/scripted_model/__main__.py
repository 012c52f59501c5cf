"""How is a scripted model started? `python -m tests.scripted_model SCENARIO PORT_FILE REQUESTS_FILE`.

It listens on 127.0.0.1, writes its port to PORT_FILE when it does, and answers until it is killed.
"""

import sys
from pathlib import Path

from tests.scripted_model.scenario import Scenario
from tests.scripted_model.server import Model
from tests.scripted_model.spoken import DIALECTS


def main(scenario: Path, port_file: Path, requests: Path) -> None:
    """Answer for ever."""
    model = Model(Scenario.read(scenario), DIALECTS, requests)
    unfinished = port_file.with_suffix(".new")
    unfinished.write_text(str(model.server_port))
    unfinished.rename(port_file)
    model.serve_forever(poll_interval=60)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
