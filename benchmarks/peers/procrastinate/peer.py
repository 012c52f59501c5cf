"""procrastinate as a peer: `peer.py worker URL WIRE` runs tasks, `peer.py client URL WIRE` enqueues on demand.

A task writes when it was wished for and when it began to WIRE, a FIFO, as two doubles of the system's monotonic clock;
two zeros say that the worker is up.

On PostgreSQL; its worker hears of new tasks by NOTIFY, and carries fifty at once, as ours does where it is measured
how many. Jobs are kept when they are done, as outcomes are on our side.
"""
# ruff: noqa: INP001 - a program of another environment, no part of a package

import asyncio
import logging
import os
import struct
import sys
import time

import procrastinate

ROLE, URL, WIRE = sys.argv[1:4]
wire = os.open(WIRE, os.O_WRONLY)

logging.disable(logging.WARNING)
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=URL, min_size=4, max_size=20))


@app.task(name="nothing")
async def nothing(wished: float) -> None:
    os.write(wire, struct.pack("=dd", wished, time.monotonic()))


async def prepare() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def work() -> None:
    async with app.open_async():
        os.write(wire, struct.pack("=dd", 0.0, 0.0))
        await app.run_worker_async(concurrency=50)


async def ask() -> None:
    async with app.open_async():
        while line := await asyncio.to_thread(sys.stdin.readline):
            count = int(line)
            if count == 1:
                await nothing.defer_async(wished=time.monotonic())
            else:
                await nothing.batch_defer_async(*({"wished": time.monotonic()} for _ in range(count)))
            print("done", flush=True)


asyncio.run({"prepare": prepare, "worker": work, "client": ask}[ROLE]())
