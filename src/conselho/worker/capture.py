"""How does what a run prints become its stored log?

The spool is read in bounded bites, cut into lines, given to the provider, and appended in chunks: a hundred
lines, 64 KB or a quarter of a second, whichever comes first. Where a flood has filled several chunks they are
appended together, so that a thousand lines wait for the disk once. After a restart the spool is read again from its
first frame, and as many lines as are stored are skipped - the same bytes make the same lines.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from conselho import clock
from conselho.db.session import Database
from conselho.executions import logs, verdict
from conselho.executions.endings import LogEnd
from conselho.executions.packing import PlainLine
from conselho.providers.base import Conclusion, Provider, Said
from conselho.worker import persistence
from conselho.worker.assembler import Assembler, Piece
from conselho.worker.spool import SpoolReader, Stream

BATCH_LINES = 1_000  # appended at once in a flood, some 5 ms of work: more gains nothing and keeps the loop waiting
BATCH_CHARACTERS = 512 * 1024
FLUSH_SECONDS = 0.25  # a line is stored, and so seen, at most so long after it came
BITE_BYTES = 1_000_000  # of the spool at once, so that a run of 50 MB costs little memory


class FenceLost(Exception):
    """The run is somebody else's now, or has ended: nothing more may be written."""


class Capture:
    """The log of one run while it is written. `fence` is the one in force.

    `begins_after`: the last line of a start before this one, which came to nothing; its lines stay where they are.
    """

    def __init__(
        self,
        database: Database,
        execution_id: str,
        fence: int,
        provider: Provider,
        stored: logs.Head,
        severity_rules: Sequence[Mapping[str, Any]] = (),
        begins_after: int = 0,
    ) -> None:
        self.verdict = verdict.Reader(severity_rules)
        self.is_capped = False
        self._database = database
        self._execution_id = execution_id
        self._fence = fence
        self._provider = provider
        self._state: Any = provider.begin()
        self._assembler = Assembler(provider.line_bytes_max)
        self._spool: SpoolReader | None = None
        self._skip = stored.last_seq
        self._seq = begins_after  # the last line made so far, stored or not
        self._stored = stored
        self._pending: list[PlainLine] = []
        self._pending_characters = 0
        self._pending_since = 0.0

    def note(self, notes: Sequence[str]) -> None:
        """Put what is to be known of the run before all that it prints; also when that is read again."""
        if notes:
            self._add(clock.now(), Said("system", notes, speaks=False))

    async def pump(self, spool: Path) -> None:
        """Read and store all that is in the spool now. Raises: FenceLost."""
        if self._spool is None:
            self._spool = SpoolReader(spool)
        while frames := self._spool.read(BITE_BYTES):
            for frame in frames:
                self.is_capped = self.is_capped or frame.stream is Stream.CAP
                await self._take(self._assembler.feed(frame))
        await self._store()

    async def flush(self, *, even_if_young: bool = False) -> float | None:
        """Store what waits, if it has waited long enough; returns the seconds it still has, None if nothing waits."""
        if not self._pending:
            return None
        left = FLUSH_SECONDS - (clock.monotonic() - self._pending_since)
        if left > 0 and not even_if_young:
            return left
        await self._store(rest=True)
        return None

    async def finish(self, remarks: Iterable[Said]) -> LogEnd:
        """Store the rest and `remarks` behind it; returns where the log ends. Raises: FenceLost."""
        now = clock.now()
        await self._take(self._assembler.flush(now))
        await self._take(Piece(now, said=remark) for remark in remarks)
        await self.flush(even_if_young=True)
        return LogEnd(self._stored.last_seq, self._stored.bytes)

    def conclude(self, exit_code: int | None) -> Conclusion:
        """What the provider makes of it all."""
        return self._provider.conclude(self._state, exit_code)

    async def _take(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._read(piece)
            if len(self._pending) >= BATCH_LINES or self._pending_characters >= BATCH_CHARACTERS:
                await self._store()

    def _read(self, piece: Piece) -> None:
        if piece.output is not None:
            said, self._state = self._provider.read(piece.output, self._state)
        else:
            said = () if piece.said is None else (piece.said,)
        for each in said:
            self._add(piece.at, each)

    def _add(self, at: datetime, said: Said) -> None:
        """Number some lines, let the verdict hear them, and keep those that are not stored already."""
        first_seq = self._seq + 1
        self._seq += len(said.lines)
        if said.speaks:
            for seq, text in enumerate(said.lines, first_seq):
                self.verdict.feed(seq, text)
        fresh = said.lines[max(0, self._skip + 1 - first_seq) :]
        if fresh and not self._pending:
            self._pending_since = clock.monotonic()
        self._pending += [(at, said.kind, text, said.data) for text in fresh]
        self._pending_characters += sum(map(len, fresh)) + len(fresh)

    async def _store(self, *, rest: bool = False) -> None:
        """Append what fills whole chunks, and with `rest` what is left then."""
        chunks: list[logs.Chunk] = []
        done = 0
        for lines in logs.portions(self._pending, rest=rest):
            chunks.append(logs.pack(self._execution_id, self._fence, self._stored.last_seq + 1 + done, lines))
            done += len(lines)
        if not chunks:
            return
        last_seq = self._stored.last_seq + done
        if not await persistence.insist(self._database, logs.append, *chunks):
            # Either an append whose answer was lost, or a fence that is no longer ours.
            head = await persistence.look(self._database, logs.fenced_head, self._execution_id)
            if head is None or head[0] != self._fence or head[1].last_seq != last_seq:
                raise FenceLost
        self._stored = logs.Head(last_seq, self._stored.bytes + sum(chunk.raw_bytes for chunk in chunks))
        del self._pending[:done]
        self._pending_characters = sum(len(line[2]) + 1 for line in self._pending)
        self._pending_since = clock.monotonic()  # what is left came just now
