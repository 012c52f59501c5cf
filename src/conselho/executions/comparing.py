"""What does an ended run change in what its councilor has found?

The first run that names a finding opens it. A run that succeeded, and whose agent ended with a verdict line that tells
all, resolves what it does not name, but nothing that was seen after it began. What is named again after that has
regressed.

Surprising:
- All of it happens at the end of a group, where the councilor's standing is locked already, so that two processes see
  what the other one did.
- At most 10,000 are known of one councilor. Beyond, those that were resolved first are forgotten; where that makes no
  room, new ones are not recorded here, but stand with their run.
"""

import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import Integer, Row, bindparam, delete, func, select, update

from conselho import ids
from conselho.db.among import among
from conselho.db.many import ManyRows
from conselho.db.session import Sink, Tx
from conselho.executions.ended import Ended
from conselho.executions.models import SEVERITIES, Finding
from conselho.executions.states import Status

KNOWN_MAX = 10_000  # of one councilor

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A finding as it is known. `state`: open, acknowledged, resolved or regressed; `count`: runs that named it.

    `resolved_…` and `regressed_execution_id` tell of the last time that happened, whatever came after.
    """

    id: str
    councilor_id: str
    fingerprint: str
    title: str
    severity: str
    file: str | None
    line: int | None
    key: str | None
    state: str = "open"
    first_seen_at: datetime
    last_seen_at: datetime
    first_execution_id: str
    last_execution_id: str
    count: int = 1
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolved_execution_id: str | None = None
    regressed_execution_id: str | None = None


class _Change(IntEnum):
    """What happened to one that was known, the columns of the one before included."""

    SEEN = 0
    RESOLVED = 1
    REGRESSED = 2


_TABLE = Finding.__table__
_C = _TABLE.c
_COLUMNS = tuple(field.name for field in fields(Known))
_SEEN = ("title", "severity", "file", "line", "last_seen_at", "last_execution_id", "count")
_RESOLVED = (*_SEEN, "state", "resolved_at", "resolved_execution_id")
_REGRESSED = (*_RESOLVED, "acknowledged_at", "acknowledged_by", "regressed_execution_id")
# No more than what changed: who acknowledges meanwhile is not undone.
_WRITTEN = {_Change.SEEN: _SEEN, _Change.RESOLVED: _RESOLVED, _Change.REGRESSED: _REGRESSED}
_UPDATES = {
    change: update(Finding)
    .where(_C.id == bindparam("its_id"))
    .values({name: bindparam(f"new_{name}", type_=_C[name].type) for name in columns})
    for change, columns in _WRITTEN.items()
}
_INSERT = ManyRows(Finding, _COLUMNS)
_BY_FINGERPRINT = select(_TABLE).where(among(_C.councilor_id, "councilors"), among(_C.fingerprint, "fingerprints"))
_UNRESOLVED = select(_TABLE).where(among(_C.councilor_id, "councilors"), _C.state != "resolved")
_COUNT = select(_C.councilor_id, func.count()).where(among(_C.councilor_id, "councilors")).group_by(_C.councilor_id)
_FORGET = delete(Finding).where(
    _C.id.in_(
        select(_C.id)
        .where(_C.councilor_id == bindparam("councilor"), _C.state == "resolved")
        .order_by(_C.resolved_at, _C.id)
        .limit(bindparam("most", type_=Integer))
        .scalar_subquery()
    )
)


def note(tx: Tx, ended: Ended) -> None:
    """Compare what an ended run found with what its councilor knows, if it has one and said anything."""
    if ended.councilor_id is not None and (ended.findings or ended.is_reported):
        tx.collect(_SINK, ended)


def fingerprint(finding: Mapping[str, Any]) -> str:
    """What makes a finding the same as one of another run: its key, else its file and its title without numbers."""
    key = finding.get("key")
    if key:
        words = f"key:{key}"
    else:
        title = " ".join(re.sub(r"\d+", "", finding["title"]).split())
        words = f"file:{finding.get('file') or ''}\n{title}"
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()


def known_from(row: Row[Any]) -> Known:
    """A row of the table."""
    return Known(**{name: getattr(row, name) for name in _COLUMNS})


def _compare_all(tx: Tx, collected: list[Ended]) -> None:
    several = sorted(collected, key=lambda each: (each.completed_at, each.id))
    memory = _Memory(several)
    memory.load(tx)
    for ended in several:
        memory.compare(ended)
    memory.write(tx)


_SINK: Sink[Ended] = Sink(name="findings", rank=14, apply=_compare_all)


class _Memory:
    """What is known of some councilors' findings, while ended runs are compared with it."""

    def __init__(self, several: Sequence[Ended]) -> None:
        self._several = several
        self._named = {ended.id: dict(_named(ended)) for ended in several}
        self._known: dict[str, dict[str, Known]] = defaultdict(dict)  # by councilor and fingerprint
        self._changed: dict[tuple[str, str], _Change] = {}
        self._new: dict[str, list[str]] = defaultdict(list)  # fingerprints, in their order

    def load(self, tx: Tx) -> None:
        """Read what these runs may change."""
        fingerprints = sorted({each for named in self._named.values() for each in named})
        rows: list[Row[Any]] = []
        if fingerprints:
            wish = {"councilors": _councilors(self._several), "fingerprints": fingerprints}
            rows += tx.execute(_BY_FINGERPRINT, wish).all()
        telling = [ended for ended in self._several if _tells_all(ended)]
        if telling:
            rows += tx.execute(_UNRESOLVED, {"councilors": _councilors(telling)}).all()
        for known in map(known_from, rows):
            self._known[known.councilor_id][known.fingerprint] = known

    def compare(self, ended: Ended) -> None:
        """Take over what one run named, and what it did not."""
        councilor_id = str(ended.councilor_id)
        known, named = self._known[councilor_id], self._named[ended.id]
        for mark, finding in named.items():
            before = known.get(mark)
            if before is None:
                known[mark] = _opened(ended, mark, finding)
                self._new[councilor_id].append(mark)
                continue
            known[mark] = _seen(before, ended, finding)
            self._note(before, _Change.SEEN)
            if before.state == "resolved" and before.resolved_at and ended.completed_at > before.resolved_at:
                known[mark] = _regressed(known[mark], ended)
                self._note(before, _Change.REGRESSED)
        for mark in known.keys() - named.keys() if _tells_all(ended) else ():
            before = known[mark]
            if before.state != "resolved" and ended.started_at and before.last_seen_at <= ended.started_at:
                known[mark] = _resolved(before, ended)
                self._note(before, _Change.RESOLVED)

    def write(self, tx: Tx) -> None:
        """Write what has changed."""
        for change, columns in _WRITTEN.items():
            marks = sorted(mark for mark, done in self._changed.items() if done is change)
            several = [self._known[councilor_id][mark] for councilor_id, mark in marks]
            if several:
                rows = [
                    {"its_id": each.id, **{f"new_{name}": getattr(each, name) for name in columns}} for each in several
                ]
                tx.execute(_UPDATES[change], rows)
        if self._new:
            self._write_new(tx)

    def _write_new(self, tx: Tx) -> None:
        counts = {row[0]: row[1] for row in tx.execute(_COUNT, {"councilors": sorted(self._new)})}
        for councilor_id in sorted(self._new):
            new = [self._known[councilor_id][mark] for mark in self._new[councilor_id]]
            too_many = counts.get(councilor_id, 0) + len(new) - KNOWN_MAX
            if too_many > 0:
                too_many -= tx.execute(_FORGET, {"councilor": councilor_id, "most": too_many}).rowcount
            if too_many > 0:
                _log.warning("councilor %s has %d findings: %d more stay unknown", councilor_id, KNOWN_MAX, too_many)
                del new[-too_many:]
            if new:
                _INSERT.insert(tx, [asdict(each) for each in new])

    def _note(self, known: Known, change: _Change) -> None:
        mark = (known.councilor_id, known.fingerprint)
        if known.fingerprint not in self._new.get(known.councilor_id, ()):
            self._changed[mark] = max(self._changed.get(mark, change), change)


def _councilors(several: Sequence[Ended]) -> list[str]:
    return sorted({str(ended.councilor_id) for ended in several})


def _tells_all(ended: Ended) -> bool:
    """Whether what it does not name is not there any more."""
    return ended.status == Status.SUCCEEDED and ended.is_reported


def _named(ended: Ended) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What a run found, by fingerprint, the last one first: of two that are the same the first one counts in a dict.

    So the first one also gets the newest id, and stands first on a page.
    """
    for finding in reversed(ended.findings):
        if finding.get("title"):
            yield fingerprint(finding), finding


def _opened(ended: Ended, mark: str, finding: Mapping[str, Any]) -> Known:
    return Known(
        id=ids.new(),
        councilor_id=str(ended.councilor_id),
        fingerprint=mark,
        first_seen_at=ended.completed_at,
        last_seen_at=ended.completed_at,
        first_execution_id=ended.id,
        last_execution_id=ended.id,
        key=finding.get("key"),
        **_shown(finding),
    )


def _seen(known: Known, ended: Ended, finding: Mapping[str, Any]) -> Known:
    known = replace(known, count=known.count + 1)
    if ended.completed_at < known.last_seen_at:
        return known
    return replace(known, last_seen_at=ended.completed_at, last_execution_id=ended.id, **_shown(finding))


def _regressed(known: Known, ended: Ended) -> Known:
    return replace(
        known, state="regressed", regressed_execution_id=ended.id, acknowledged_at=None, acknowledged_by=None
    )


def _resolved(known: Known, ended: Ended) -> Known:
    return replace(known, state="resolved", resolved_at=ended.completed_at, resolved_execution_id=ended.id)


def _shown(finding: Mapping[str, Any]) -> dict[str, Any]:
    severity = finding.get("severity")
    return {
        "title": finding["title"],
        "severity": severity if severity in SEVERITIES else "warning",
        "file": finding.get("file"),
        "line": finding.get("line"),
    }
