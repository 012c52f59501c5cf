"""What does PostgreSQL itself take for the rows of a fire? The same rows, made before, by bare SQL.

Read back from a database in which councilors were fired, taken away, and written again: as many to a transaction and a
statement for each table, as the product does it. Nothing is planned, read or made meanwhile, so nobody can be quicker
who keeps these rows.
"""

import time
from collections.abc import Sequence
from typing import Any

import psycopg

from conselho.council import firing

# Each with the column that says which execution a row belongs to, in an order that foreign keys allow.
TABLES = {
    "executions": "id",
    "execution_lanes": "execution_id",
    "council_slots": "execution_id",
    "events": "execution_id",
}
_GO_ON = """
    UPDATE councilors SET next_at = g.next_at, due_at = g.due_at, missed_since = g.missed_since, missed = g.missed
    FROM json_populate_recordset(NULL::councilors, %s::json) g WHERE councilors.id = g.id
"""
_MOVED = """
    SELECT json_agg(json_build_object('id', c.id, 'next_at', c.next_at + interval '1 hour',
        'due_at', c.due_at + interval '1 hour', 'missed_since', c.missed_since, 'missed', c.missed))::text
    FROM councilors c JOIN executions e ON e.councilor_id = c.id WHERE e.id = ANY (%s)
"""


def rate(url: str) -> float:
    """How many fires' rows it writes a second, of those that are in the database; they are there again afterwards."""
    with psycopg.connect(url, autocommit=True) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM executions ORDER BY id")]
        batches = [_batch(connection, ids[at : at + firing.AT_ONCE]) for at in range(0, len(ids), firing.AT_ONCE)]
        connection.execute(f"TRUNCATE {', '.join(TABLES)} CASCADE")
        began = time.monotonic()
        for batch in batches:
            with connection.transaction():
                for table in TABLES:
                    insert = f"INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s::json)"  # noqa: S608 - names of ours
                    connection.execute(insert, [batch[table]])
                connection.execute(_GO_ON, [batch["councilors"]])
        return len(ids) / (time.monotonic() - began)


def _batch(connection: "psycopg.Connection[Any]", ids: Sequence[str]) -> dict[str, str]:
    """The rows of some fires, as one JSON text a table."""
    found: dict[str, str] = {}
    for table, column in TABLES.items():
        rows = f"SELECT json_agg(t)::text FROM {table} t WHERE {column} = ANY (%s)"  # noqa: S608 - names of ours
        found[table] = _text(connection, rows, ids)
    return found | {"councilors": _text(connection, _MOVED, ids)}


def _text(connection: "psycopg.Connection[Any]", statement: str, ids: Sequence[str]) -> str:
    row = connection.execute(statement.encode(), [list(ids)]).fetchone()
    assert row is not None
    return str(row[0])
