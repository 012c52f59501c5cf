"""Where does a database's history live? In a server of its own, on a timeline of that, under one number there.

A copy of PostgreSQL that goes on by itself - a standby that was promoted, a recovery to a point in time, a dump that
was put elsewhere - carries the same rows as what it was copied from, and differs in one of the three.

Surprising: the timeline is that of the log that is written now. `pg_control_checkpoint()` tells that of the last
checkpoint, which after a promotion is the old one for as long as the first checkpoint takes, minutes.

Source: PostgreSQL's documentation, "System Information Functions" and "Backup Control Functions"; everybody may call
them unless that was taken away.
"""

from sqlalchemy import text

from conselho.db.tx import Tx

# A standby writes no log. It is not known yet whether it goes on by itself.
_FOUND = text(
    "SELECT CASE WHEN pg_is_in_recovery() THEN NULL ELSE concat_ws('/',"
    " (SELECT system_identifier FROM pg_control_system()),"
    " left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),"
    " (SELECT oid FROM pg_database WHERE datname = current_database())) END"
)


def of(tx: Tx) -> str | None:
    """What it differs in from its copies; None where it cannot be copied behind our back, and of a standby.

    Raises: sqlalchemy's DBAPIError where the server does not tell.
    """
    if tx.dialect == "sqlite":
        return None
    found: str | None = tx.execute(_FOUND).scalar_one()
    return found
