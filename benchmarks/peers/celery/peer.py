"""Celery as a peer: `peer.py worker URL WIRE` runs tasks, `peer.py client URL WIRE` enqueues on demand.

A task writes when it was wished for and when it began to WIRE, a FIFO, as two doubles of the system's monotonic clock;
two zeros say that the worker is up.

As durable as it gets: acks late, and a worker that dies gives its task back; results are kept, as outcomes are on our
side. What Redis makes durable is Redis's affair, see `redis.py`. One process without a pool (`solo`) is the fastest of
Celery's ways for tasks that do nothing; nothing that only talks to other workers is started.
"""
# ruff: noqa: INP001 - a program of another environment, no part of a package

import os
import struct
import sys
import time

from celery import Celery
from celery.signals import worker_ready

ROLE, URL, WIRE = sys.argv[1:4]
wire = os.open(WIRE, os.O_WRONLY)

app = Celery("peer", broker=URL, backend=URL)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_default_queue="bench",
    worker_prefetch_multiplier=64,
    result_expires=3600,
    broker_connection_retry_on_startup=True,
    worker_hijack_root_logger=False,
)


@app.task(name="nothing")
def nothing(wished: float) -> None:
    os.write(wire, struct.pack("=dd", wished, time.monotonic()))


@worker_ready.connect
def ready(**_: object) -> None:
    os.write(wire, struct.pack("=dd", 0.0, 0.0))


if ROLE == "worker":
    app.worker_main(
        ["worker", "--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"]
    )
else:
    for line in sys.stdin:
        for _ in range(int(line)):
            nothing.apply_async((time.monotonic(),))
        print("done", flush=True)
