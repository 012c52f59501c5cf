"""How does a worker carry one execution from the claim to its outcome?

Prepare, commit the intent, fork the shim, follow the spool, finish. Everything before the intent may be undone;
after it the run directory alone says what happened, so that a worker that starts again - or this one, after the
database was away - reads the truth there and asks nobody.
"""

import asyncio
import errno
import logging
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from conselho import clock, errors
from conselho.db.session import Database
from conselho.executions import continuing, endings, leases, logs, queue
from conselho.executions.endings import Outcome
from conselho.executions.states import Status
from conselho.providers import options, registry
from conselho.providers.base import Invocation, Said, Task
from conselho.settings import Settings
from conselho.worker import environment, outcome, premises, shim, usage
from conselho.worker.capture import Capture, FenceLost
from conselho.worker.directory import SPOOL, DirectoryBusy, DirectoryUnlockable, RunDirectory, working_directory
from conselho.worker.doorbell import Doorbell
from conselho.worker.persistence import insist, look

_log = logging.getLogger(__name__)

BUSY_RETRY = timedelta(seconds=5)  # how soon a directory that was busy is looked at again
NO_ROOM_RETRY = timedelta(seconds=5)  # the host had no process, no memory or no room on the disk to spare
ABANDONED = "abandoned"  # the reason given to a shim whose run is no longer ours
DEADLINE_PART = 0.5  # a run that must not outlive its lease is ended at half of it
JUDGED_AT_ONCE_BYTES = 1024  # of a log: a millisecond or two, whatever it says
LIVENESS_SECONDS = 1.0  # an adopted shim whose process id is not known is looked at so often
# UTF-8 by a switch, and not by a locale, whose tables would have to be loaded.
SHIM = ("-I", "-S", "-X", "utf8", str(Path(shim.__file__).with_name("shim_main.py")))
_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # they pass, and are nothing that a working directory is


@dataclass(frozen=True, slots=True)
class Context:
    """What every run of this worker shares."""

    database: Database
    settings: Settings

    @property
    def lease(self) -> timedelta:
        """How long a run is held without renewal."""
        return timedelta(seconds=self.settings.lease_seconds)


class Run:
    """One execution held by this worker. `row` is the row as it was claimed or adopted."""

    def __init__(self, context: Context, row: Row[Any]) -> None:
        self.id: str = row.id
        self.fence: int = row.fence
        self._context = context
        self._row = row
        self.launched = asyncio.Event()  # the shim was started
        self.is_reported = False  # its outcome is being written: the row may be terminal before we hear of it
        self._directory: RunDirectory | None = None
        self._is_adopted = False
        self._abandoned = False
        self._cancel_wanted = False

    async def begin(self) -> None:
        """Run a freshly claimed execution to its outcome."""
        directory = RunDirectory.of(self._context.settings.runs_dir, self.id, self.fence)
        try:
            invocation = registry.find(self._row.provider).invocation(self._task(directory))
        except errors.Invalid as error:
            await self._finish(outcome.failed("provider", error.sentence), source=Status.CLAIMED)
            return
        stored = await self._stored_before()
        spec = environment.spec(self._row, invocation, self._context.settings, stored.last_seq)
        broken = await asyncio.to_thread(premises.broken, invocation, self._row.cwd, spec["env"].get("HOME"))
        if broken is not None:
            await self._finish(outcome.failed(*broken), source=Status.CLAIMED)
            return
        try:
            with working_directory(self._row.cwd, exclusive=self._row.exclusive) as place:
                shim_pid = await self._launch(directory, spec, invocation, place)
        except DirectoryBusy:
            await self._give_back(Status.CLAIMED, f"{self._row.cwd}: another run is in that directory", BUSY_RETRY)
            return
        except DirectoryUnlockable as error:
            sentence = f"{self._row.cwd} cannot be had alone, its file system locks no directories: {error}"
            await self._finish(outcome.failed("directory_lock", sentence), source=Status.CLAIMED)
            return
        except OSError as error:
            if error.errno in _SHORTAGES:
                await self._give_back(Status.CLAIMED, f"room on the host: {_words(error)}", NO_ROOM_RETRY)
                return
            sentence = f"{self._row.cwd} cannot be entered: {_words(error)}"
            await self._finish(
                outcome.failed("cwd_missing", sentence, exit_code=outcome.NOT_EXECUTABLE), source=Status.CLAIMED
            )
            return
        if shim_pid is not None:
            await self._follow(directory, shim_pid, stored)

    async def _stored_before(self) -> logs.Head:
        """Where the log ends that an earlier start left, which came to nothing."""
        if self.fence == 1:
            return logs.Head(0, 0)
        return await look(self._context.database, logs.head, self.id)

    def _task(self, directory: RunDirectory) -> Task:
        """What its provider is asked to do. Raises: errors.Invalid for options that are none."""
        return Task(
            argv=tuple(self._row.argv or ()),
            prompt=self._row.prompt,
            model=self._row.model,
            options=options.of(self._row.options),
            cwd=self._row.cwd,
            session=self._row.resume,
            new_session=str(uuid.uuid5(uuid.UUID(self.id), str(self.fence))),
            folder=str(directory.files),
            scratch=str(directory.scratch),
            # One that was removed since it was asked for is not waited for: some CLIs would not even begin.
            attachments=tuple(path for path in self._row.attachments or () if Path(path).is_file()),
        )

    def again(self) -> "Run":
        """The same run under the same fence, to be adopted after carrying it failed."""
        return Run(self._context, self._row)

    async def adopt(self, directory: RunDirectory) -> None:
        """Take up a run that was started before this worker was."""
        self._is_adopted = True
        stored = await look(self._context.database, logs.head, self.id)
        await self._follow(directory, (directory.spawned() or {}).get("shim"), stored)

    def cancel(self) -> None:
        """End the tree, because somebody asked for it; the run then finishes as cancelled, or as it ended before."""
        self._cancel_wanted = True
        if self._directory is not None:
            self._directory.ask_to_end("cancelled")

    def abandon(self) -> None:
        """End the tree and report nothing: the row says that this run is not ours any more."""
        self._abandoned = True
        if self._directory is not None:
            self._directory.ask_to_end(ABANDONED)

    def extend(self) -> None:
        """Tell a shim that must not outlive the lease that the lease was renewed."""
        if self._row.retry_on_loss and self._directory is not None:
            try:
                self._directory.move_deadline(_deadline(self._context.settings))
            except OSError as error:
                _log.warning("%s cannot be told that its lease was renewed, and may end itself: %s", self.id, error)

    async def _launch(
        self, directory: RunDirectory, spec: dict[str, Any], invocation: Invocation, place: int
    ) -> int | None:
        source = Status.CLAIMED
        lock: int | None = None
        try:
            lock = directory.make(spec, invocation.stdin, invocation.files, has_scratch=invocation.has_scratch)
            if self._row.retry_on_loss:
                directory.move_deadline(_deadline(self._context.settings))
            self._directory = directory
            if self._cancel_wanted or not await self._commit_intent():
                await self._give_back(source, None, None)
                directory.remove()
                return None
            source = Status.RUNNING
            self.extend()  # the commit may have taken its time, and the lease began with it
            # Not in a thread: a task that is cancelled meanwhile would let go of the lock before the fork.
            return start_shim(directory, lock, place)
        except OSError as error:
            # The disk is full, or no process could be made: the lock is still ours alone and nothing was spawned,
            # which is the proof.
            _log.warning("%s could not be started: %s", self.id, error)
            waiting_for = f"room on the host, where it could not be started: {_words(error)}"
            await self._give_back(source, waiting_for, NO_ROOM_RETRY)
            directory.remove()
            return None
        finally:
            if lock is not None:
                os.close(lock)

    async def _commit_intent(self) -> bool:
        """Write that we are about to fork; False if it may not be. Never asked twice without looking."""
        while True:
            try:
                return await self._context.database.write(queue.start, self.id, self.fence, self._context.lease)
            except errors.OutcomeUnknown:
                held = await look(self._context.database, endings.state, self.id)
                if held is not None and held == (Status.RUNNING, self.fence):
                    return True
            except errors.Unavailable as error:
                _log.warning("%s waits for its start: %s", self.id, error.sentence)
                await asyncio.sleep(1.0)

    async def _follow(self, directory: RunDirectory, shim_pid: int | None, stored: logs.Head) -> None:
        self.launched.set()
        self._directory = directory
        if self._cancel_wanted:
            directory.ask_to_end("cancelled")
        provider, severity_rules = registry.find(self._row.provider), self._row.severity_rules or ()
        spec = directory.spec()
        begins_after = int(spec.get("log_begins_after") or 0)
        capture = Capture(self._context.database, self.id, self.fence, provider, stored, severity_rules, begins_after)
        capture.note(spec.get("notes") or ())
        try:
            with Doorbell(directory, shim_pid) as bell:
                await self._read_to_the_end(directory, capture, bell)
            await self._conclude(directory, capture)
        except FenceLost:
            await clear(self._context, directory)
        finally:
            _reap()

    async def _read_to_the_end(self, directory: RunDirectory, capture: Capture, bell: Doorbell) -> None:
        spool = directory.path / SPOOL
        while True:
            over = not directory.is_shim_alive()
            await capture.pump(spool)
            if over:
                return
            left = await capture.flush()
            limit = LIVENESS_SECONDS if bell.is_blind else None
            await bell.wait(min((each for each in (left, limit) if each is not None), default=None))

    async def _conclude(self, directory: RunDirectory, capture: Capture) -> None:
        last_word = directory.exit()
        spec = directory.spec()
        if last_word is None:
            await self._without_last_word(directory, capture, spec)
            return
        if last_word.get("ended") == "too_late" and directory.spawned() is None:
            # The lease of its intent had passed before the fork, so the shim started nothing: that is proof.
            await self._give_back(Status.RUNNING, None, None)
            directory.remove()
            return
        log = await capture.finish(outcome.remarks(last_word))
        conclusion = capture.conclude(last_word.get("exit_code"))
        before = None
        if conclusion.counts_session and self._row.resume is not None:
            taken_up = self._row.continue_from or self._row.retry_of
            before = await look(self._context.database, continuing.usage_before, taken_up)
        judging = partial(
            outcome.judge,
            last_word,
            spec,
            self._row.accepted_exit_codes,
            capture.verdict,
            usage.of_run(conclusion, self._row.resume, before),
            log,
            is_capped=capture.is_capped,
            program=registry.find(self._row.provider).program,
        )
        # Else in a thread: the words of a hostile log take most of a second to read.
        is_short = log.bytes <= JUDGED_AT_ONCE_BYTES
        result = judging() if is_short else await asyncio.to_thread(judging)
        result = replace(result, session_usage=usage.of_session(conclusion))
        if result.reason == "session_unknown" and await self._began_anew(capture):
            await asyncio.to_thread(directory.remove)
            return
        await self._report(directory, result)

    async def _began_anew(self, capture: Capture) -> bool:
        """Whether it goes back to the queue, for its CLI does not know the session and did nothing; that is said first.

        Its log goes on where this start ends: lines that were seen keep their numbers.
        """
        if self._row.resume is None or self._abandoned or self._cancel_wanted:
            return False
        await capture.finish([Said("system", (f"session {self._row.resume} is not known any more",), speaks=False)])
        self.is_reported = True
        return await insist(self._context.database, queue.begin_anew, self.id, self.fence)

    async def _without_last_word(self, directory: RunDirectory, capture: Capture, spec: dict[str, Any]) -> None:
        spawned = directory.spawned() or {}
        boot_id = spawned.get("boot_id") or spec.get("boot_id")
        if boot_id != shim.boot_id():
            log = await capture.finish(())
            lost = endings.lost("its host was started anew while it ran", log, "host_restarted")
            await self._report(directory, lost)
        elif directory.spawned() is not None:
            grace = self._context.settings.kill_seconds
            killed, left = await asyncio.to_thread(shim.sweep, self.id, spawned.get("cgroup"), grace, ())
            log = await capture.finish(outcome.remarks({"killed": killed, "left": left}))
            reason = "tree_left" if left else "shim_died"
            sentence = "its supervising process was killed, so it was ended; how far it got is in the log"
            await self._report(directory, outcome.failed(reason, sentence, log=log))
        else:
            # Lock free and no `spawned`: nothing ran, and the holder of the fence may say so. Where it is not a
            # restart that found this, the shim could not even begin - on a full disk, say - and would not again.
            later = None if self._is_adopted else NO_ROOM_RETRY
            waiting_for = None if self._is_adopted else "room on the host, where its supervisor could not begin"
            await self._give_back(Status.RUNNING, waiting_for, later)
            directory.remove()

    async def _report(self, directory: RunDirectory, result: Outcome) -> None:
        await self._finish(result, source=Status.RUNNING)
        await asyncio.to_thread(directory.remove)

    async def _finish(self, result: Outcome, *, source: Status) -> None:
        if self._abandoned:
            return
        if source is Status.CLAIMED and self._cancel_wanted:
            await self._give_back(Status.CLAIMED, None, None)
            return
        self.is_reported = True
        if result.status is Status.LOST:
            await insist(self._context.database, leases.lose, self.id, self.fence, result)
            return
        await insist(self._context.database, endings.finish, self.id, self.fence, result, source)

    async def _give_back(self, source: Status, waiting_for: str | None, later: timedelta | None) -> None:
        not_before = None if later is None else clock.now() + later
        await insist(
            self._context.database,
            queue.give_back,
            self.id,
            self.fence,
            source=source,
            waiting_for=waiting_for,
            not_before=not_before,
        )


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


async def clear(context: Context, directory: RunDirectory) -> None:
    """End what still runs in a directory that no row of ours speaks for; what it came to is kept as a note."""
    directory.ask_to_end(ABANDONED)
    with Doorbell(directory, (directory.spawned() or {}).get("shim")) as bell:
        while directory.is_shim_alive():
            await bell.wait(LIVENESS_SECONDS if bell.is_blind else None)
    spawned, last_word = directory.spawned(), directory.exit()
    if last_word is not None:
        report = f"reported later: {last_word.get('ended')}, exit code {last_word.get('exit_code')}"
        await insist(context.database, endings.keep_late_report, directory.execution_id, report)
    elif spawned is not None and spawned.get("boot_id") == shim.boot_id():
        grace = context.settings.kill_seconds
        await asyncio.to_thread(shim.sweep, directory.execution_id, spawned.get("cgroup"), grace, ())
    await asyncio.to_thread(directory.remove)


def start_shim(directory: RunDirectory, lock: int, place: int) -> int:
    """Fork the shim, which inherits the run's lock and that of its working directory; returns its process id.

    It has a session of its own, so that what ends the server - a closed terminal, a Ctrl-C - does not reach it.
    """
    argv = [sys.executable, *SHIM, str(directory.path), str(lock), str(place)]
    process = subprocess.Popen(
        argv,
        pass_fds=(lock, place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={"LC_ALL": "C"},
        cwd="/",
        start_new_session=True,
    )
    _CHILDREN[process.pid] = process
    return process.pid


def _reap() -> None:
    """Let go of shims that have exited, so that no zombie stays."""
    for pid, process in list(_CHILDREN.items()):
        if process.poll() is not None:
            del _CHILDREN[pid]


_CHILDREN: dict[int, "subprocess.Popen[bytes]"] = {}


def _deadline(settings: Settings) -> float:
    return clock.boot_seconds() + settings.lease_seconds * DEADLINE_PART
