"""What does a benchmark leave behind? A JSON file of its own, from all of which RESULTS.md is made.

A quick run only tries the machinery: it is printed and kept below .bench. Where it is all there is, it may be copied to
the results, and the page says that it is one.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import measure

ROOT = Path(__file__).resolve().parent
RESULTS = ROOT / "results"
PAGE = ROOT / "RESULTS.md"


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be reached. `bounded_by` and `next_step` are told only where it is not."""

    words: str
    value: float
    limit: float
    at_least: bool
    bounded_by: str = ""
    next_step: str = ""

    @property
    def is_met(self) -> bool:
        """Whether it is reached."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit


@dataclass(slots=True)
class Report:
    """One benchmark's outcome while it is made."""

    name: str
    title: str
    quick: bool = False
    figures: list[dict[str, str]] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    machine: dict[str, Any] = field(default_factory=measure.machine)

    def row(self, **cells: str | float) -> None:
        """Add a row of the table of figures; the first row's names are its head."""
        self.figures.append({name: _words(value) for name, value in cells.items()})

    def goal(
        self,
        words: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        missed: tuple[str, str] = ("", ""),
    ) -> None:
        """Judge `value`; `missed`: what bounds it and the next step, told where the goal is not reached."""
        limit = at_most if at_least is None else at_least
        assert limit is not None
        self.goals.append(Goal(words, value, limit, at_least is not None, *missed))

    def note(self, sentence: str) -> None:
        """Say what a reader must know to judge the figures."""
        self.notes.append(sentence)

    def save(self) -> None:
        """Print it, and keep it."""
        print(self.text())
        place = measure.work_directory().parent / "quick" if self.quick else RESULTS
        place.mkdir(parents=True, exist_ok=True)
        kept = asdict(self) | {
            "date": datetime.now(UTC).isoformat(timespec="minutes"),
            "seed": measure.SEED,
            "load_average_after": round(os.getloadavg()[0], 2),
        }
        text = json.dumps(kept, indent=1, ensure_ascii=False)
        (place / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")
        if not self.quick:
            PAGE.write_text(page(), encoding="utf-8")

    def text(self) -> str:
        """The section of the page."""
        return section(asdict(self))


def page() -> str:
    """RESULTS.md, from the JSON files."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"), key=_number)]
    goals = [
        f"| {each['name'].upper()} | {goal['words']} | {_compared(goal)} | {_verdict(goal)}{_quick(each)} |"
        for each in found
        for goal in each["goals"]
    ]
    return "\n".join(
        [
            "# Results",
            "",
            "Made by `make bench` from the files in `results/`; do not edit. What is measured, and how, stands at the",
            "head of each benchmark's file. Contenders take turns within one run: trust the ratios, not the times.",
            "A machine that is busy with others says little, even so: each section tells its load.",
            "",
            "| | goal | measured | |",
            "|---|---|---|---|",
            *goals,
            "",
            *[section(each) for each in found],
        ]
    )


def _number(path: Path) -> int:
    return int(path.stem[1:])


def section(kept: Mapping[str, Any]) -> str:
    """One benchmark's part of the page."""
    lines = [f"## {kept['name'].upper()}: {kept['title']}", ""]
    if kept["quick"]:
        lines += ["**A quick run**, of small counts: it shows that the benchmark runs, and proves nothing else.", ""]
    if kept["figures"]:
        head = list(kept["figures"][0])
        lines += ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
        lines += ["| " + " | ".join(row.get(name, "") for name in head) + " |" for row in kept["figures"]]
        lines.append("")
    for goal in kept["goals"]:
        lines.append(f"- {goal['words']}: **{_compared(goal)}**, {_verdict(goal)}.")
        if not _is_met(goal):
            lines += [f"  {words}" for words in (goal["bounded_by"], goal["next_step"]) if words]
    lines += [f"- {note}" for note in kept["notes"]]
    lines += ["", _circumstances(kept), ""]
    return "\n".join(lines)


def _circumstances(kept: Mapping[str, Any]) -> str:
    facts = kept["machine"]
    words = [
        f"{facts['cores']} cores ({facts['processor']}), {facts['memory_gib']} GiB, {facts['system']}",
        f"Python {facts['python']}, SQLite {facts['sqlite']}",
        *(f"{name} {version}" for name, version in kept["versions"].items()),
        (
            f"load {facts['load_average']} at the start, {facts['busy_percent']:.0f} % busy with others"
            f", a durable 4 KB write {facts['fsync_milliseconds']} ms"
        ),
    ]
    if "date" in kept:
        words.append(f"{kept['date']}, seed {kept['seed']}, load {kept['load_average_after']} at the end")
    return f"<sub>{'; '.join(words)}.</sub>"


def _quick(kept: Mapping[str, Any]) -> str:
    return ", quick run" if kept["quick"] else ""


def _is_met(goal: Mapping[str, Any]) -> bool:
    return bool(goal["value"] >= goal["limit"] if goal["at_least"] else goal["value"] <= goal["limit"])


def _compared(goal: Mapping[str, Any]) -> str:
    return f"{_words(goal['value'])} ({'≥' if goal['at_least'] else '≤'} {_words(goal['limit'])})"


def _verdict(goal: Mapping[str, Any]) -> str:
    return "met" if _is_met(goal) else "**missed**"


def _words(value: str | float) -> str:
    """A number with three digits that mean something; a text as it is."""
    if isinstance(value, str):
        return value
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
