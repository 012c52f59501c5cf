"""APScheduler as a peer: `peer.py URL fires COUNT` or `peer.py URL evenly COUNT SECONDS`, on its SQLAlchemy store.

Every job's function writes down when it was called; what is printed is JSON. `fires`: jobs that are all due at once,
and how many a second are called, from the first call to the last. `evenly`: jobs due evenly over some seconds, and how
late each is called. Nothing misfires: a late job is still run.
"""
# ruff: noqa: INP001 - a program of another environment, no part of a package

import json
import sys
import threading
import time
from datetime import UTC, datetime

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

LEAD_SECONDS = 3.0
PATIENCE_SECONDS = 120.0

URL, HOW, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
OVER_SECONDS = float(sys.argv[4]) if HOW == "evenly" else 0.0

called: list[tuple[int, float]] = []
all_called = threading.Event()


def work(number: int) -> None:
    called.append((number, time.time()))
    if len(called) == COUNT:
        all_called.set()


def main() -> None:
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=URL)},
        executors={"default": ThreadPoolExecutor(10)},
        job_defaults={"misfire_grace_time": None, "coalesce": True},
        timezone=UTC,
    )
    # It is started paused, so that a job that is added goes to the store and nothing is called yet.
    scheduler.start(paused=True)
    began = time.time()
    first = began + LEAD_SECONDS + COUNT / 150  # so long it takes to add them, and more
    due = [first + OVER_SECONDS * number / COUNT for number in range(COUNT)]
    trigger = IntervalTrigger(hours=1)
    for number in range(COUNT):
        at = datetime.fromtimestamp(due[number], UTC)
        scheduler.add_job(work, trigger, [number], id=str(number), next_run_time=at)
    added = time.time()
    time.sleep(max(0.0, first - (0 if HOW == "fires" else 1) - time.time()))
    scheduler.resume()
    if not all_called.wait(OVER_SECONDS + PATIENCE_SECONDS):
        print(f"only {len(called)} of {COUNT} were called", file=sys.stderr)
        sys.exit(1)
    moments = [moment for _, moment in called]
    found = {
        "add_seconds": added - began,
        "per_second": COUNT / (max(moments) - min(moments)),
        "late_seconds": [moment - due[number] for number, moment in called],
        "was_ready": added < first,
    }
    print(json.dumps(found), flush=True)
    scheduler.shutdown(wait=False)


main()
