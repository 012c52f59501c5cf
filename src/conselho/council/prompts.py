"""What is a councilor's agent told? The task, the files to read first, how to answer, what was missed, and how to end.

The last paragraph asks for the one line by which a run is judged (`executions/verdict_line.py` reads it).
"""

from collections.abc import Sequence
from datetime import datetime

from conselho.executions import verdict_line
from conselho.executions.shown import moment as written

_FORMATS = {
    "summary": "Answer with a summary of at most ten lines.",
    "detailed": "Answer in detail: what you looked at, what you found and where, and what you advise.",
    "checklist": "Answer with a checklist in Markdown: `- [x]` for what is in order, `- [ ]` for what is to be done.",
}


def composed(
    task: str, files: Sequence[str], output_format: str, missed_since: datetime | None = None, missed: int = 0
) -> str:
    """The whole of it. `missed_since`: the first moment since the last run at which nobody could fire it."""
    parts = [task.strip()]
    if files:
        parts.append("\n".join(["Read these files first:", *(f"- {path}" for path in files)]))
    if missed_since is not None:
        times = "one moment" if missed == 1 else f"{missed:,} moments"
        parts.append(f"This run catches up: {times} could not be kept, the first at {written(missed_since)}.")
    parts.append(_FORMATS[output_format])
    parts.append(verdict_line.ASKED_FOR)
    return "\n\n".join(parts)
