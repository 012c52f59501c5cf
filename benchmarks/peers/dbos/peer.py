"""DBOS as a peer: `peer.py worker URL WIRE` runs workflows, `peer.py client URL WIRE` enqueues on demand.

A workflow writes when it was wished for and when it began to WIRE, a FIFO, as two doubles of the system's monotonic
clock; two zeros say that the worker is up. On SQLite or PostgreSQL.

Its queues are polled, once a second by default. Here it is every 100 ms: more often would load the machine on which
the others are measured. A workflow has no step: its row is written when it is enqueued, taken and done.
"""
# ruff: noqa: INP001 - a program of another environment, no part of a package

import os
import struct
import sys
import threading
import time

from dbos import DBOS, DBOSClient

POLLING_SECONDS = 0.1

ROLE, URL, WIRE = sys.argv[1:4]
wire = os.open(WIRE, os.O_WRONLY)


def work() -> None:
    DBOS(config={"name": "peer", "system_database_url": URL, "log_level": "ERROR", "application_version": "1"})

    @DBOS.workflow(name="nothing")
    def nothing(wished: float) -> None:
        os.write(wire, struct.pack("=dd", wished, time.monotonic()))

    DBOS.launch()
    DBOS.register_queue("bench", polling_interval_sec=POLLING_SECONDS)
    os.write(wire, struct.pack("=dd", 0.0, 0.0))
    threading.Event().wait()


def ask() -> None:
    client = DBOSClient(system_database_url=URL)
    options = {"queue_name": "bench", "workflow_name": "nothing", "app_version": "1"}
    for line in sys.stdin:
        for _ in range(int(line)):
            client.enqueue(options, time.monotonic())
        print("done", flush=True)


{"worker": work, "client": ask}[ROLE]()
