"""What schemathesis cannot guess: an execution that there is, and has ended; and cards. It loads this itself."""

import os
import re
from typing import Any

import schemathesis

WAIT_SECONDS = 0.01  # what is queued here never ends
UUID_CHARACTERS = 36


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Ask for the one execution that has ended in half of the cases, and whenever another one there is would be meant.

    Nobody works here: whoever followed the log of a queued one, or waited for its end, would do so for ever. Of cards
    one that there is is asked for in half of the cases, whatever has become of it by then.
    """
    card = str(case.path_parameters.get("card", "")) if case.path_parameters else ""
    if len(card) % 2:
        case.path_parameters["card"] = str(ord(card[0]) % int(os.environ["CONSELHO_TEST_CARDS"]) + 1)
    asked = str(case.path_parameters.get("execution_id", "")) if case.path_parameters else ""
    if len(asked) % 2 or len(asked) == UUID_CHARACTERS:
        case.path_parameters["execution_id"] = os.environ["CONSELHO_TEST_EXECUTION"]
    if case.query and re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?", str(case.query.get("wait"))):
        seconds = float(case.query["wait"])
        if WAIT_SECONDS < seconds <= 60:
            case.query["wait"] = WAIT_SECONDS
