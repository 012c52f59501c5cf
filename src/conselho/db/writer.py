"""Who writes? One thread, with one connection, that takes whatever waits.

Callers hand in units and wait; the thread runs them in groups, commits, tells the listeners, and answers. If
it dies, nothing can be written any more and every waiting caller would hang, so the process is ended.
"""

import logging
import os
import threading
from collections.abc import Callable

from conselho.db.group import Groups
from conselho.db.waiting import Job, Waiting, answer
from conselho.errors import DatabaseGone, Unavailable

EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h: a supervisor starts the process again

OnCommit = Callable[[tuple[str, ...]], None]
OnFatal = Callable[[BaseException], None]

_log = logging.getLogger(__name__)


def end_process(error: BaseException) -> None:
    """End this process at once, without asking anyone."""
    _log.critical("the writer thread died; ending the process", exc_info=error)
    logging.shutdown()
    os._exit(EXIT_CODE)


class Writer:
    """The thread and its queue."""

    def __init__(self, groups: Groups, on_commit: OnCommit | None, on_fatal: OnFatal) -> None:
        self._groups = groups
        self._riders = groups.riders
        self._on_commit = on_commit
        self._on_fatal = on_fatal
        self._waiting = Waiting()
        self._thread = threading.Thread(target=self._work, name="conselho-writer", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Raises: Overloaded, Unavailable."""
        self._waiting.put(job)

    def put_along(self, topic: str, job: Job) -> None:
        """Raises: Unavailable."""
        self._riders.wait(topic, job)

    def withdraw(self, job: Job) -> bool:
        """Take a rider back; False if it does not wait any more."""
        return self._riders.leave(job)

    def close(self, timeout_seconds: float) -> bool:
        """Let what waits be written, then stop. False: the time was over first; who waits is told."""
        self._waiting.close()
        if self._thread is threading.current_thread():
            return False
        self._thread.join(timeout_seconds)
        self._refuse(self._waiting.take_all() + self._riders.close(), Unavailable)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            while self._work_once():
                pass
        except BaseException as error:  # noqa: BLE001 - the thread's top: no error may pass unseen
            self._waiting.close()
            self._refuse(self._waiting.take_all() + self._riders.close(), Unavailable)
            self._on_fatal(error)
        finally:
            self._groups.close()

    def _work_once(self) -> bool:
        jobs = self._waiting.take()
        if jobs is None:
            return False
        jobs = [job for job in jobs if job.begins()]
        if not jobs:
            return True
        try:
            topics = self._groups.run(jobs)
        except BaseException:  # the thread dies of it: nobody may wait for ever for its answer
            self._refuse(jobs, Unavailable)
            raise
        if topics and self._on_commit is not None:
            try:
                self._on_commit(topics)
            except Exception:  # noqa: BLE001 - the work is committed: a bad listener must not make it look lost
                _log.exception("telling %s failed", ", ".join(topics))
        answer(jobs)
        if isinstance(jobs[0].error, DatabaseGone):
            # Connecting took its time, and the next would too: those who waited through it are told now.
            self._refuse(self._waiting.take_all(), DatabaseGone)
        return True

    def _refuse(self, jobs: list[Job], kind: type[Unavailable]) -> None:
        for job in jobs:
            job.value, job.error = None, kind()
        answer(jobs)
