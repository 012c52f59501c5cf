"""How do the tests of verdicts ask for one?"""

import json
from typing import Any

from conselho.executions.verdict import Ending, EndingKind, Reader, Verdict

WELL = Ending(ok=True, kind="succeeded", sentence="exit code 0")


def make_ending(kind: EndingKind = "failed", sentence: str = "exit code 3", **floor: Any) -> Ending:
    return Ending(ok=kind == "succeeded", kind=kind, sentence=sentence, **floor)


def make_line(**said: Any) -> str:
    return "VERDICT: " + json.dumps({"severity": "success", "summary": "All well.", **said})


def decide(*lines: str, ending: Ending = WELL) -> Verdict:
    reader = Reader()
    for seq, line in enumerate(lines, start=1):
        reader.feed(seq, line)
    return reader.decide(ending)
