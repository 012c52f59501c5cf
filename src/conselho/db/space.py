"""How does SQLite's file become smaller again? A few free pages at a time are moved to its end and cut off.

PostgreSQL's own vacuum makes what was deleted usable again. SQLite uses free pages again too, but never returns one
unless it is told to; all at once would hold up every writer for as long as it takes.

Surprising: `PRAGMA incremental_vacuum(300)` works page by page as it is stepped, and Python's `execute` steps it once;
`executescript`, which would go through, commits first. So one page is asked for, as often as it takes.
"""

from conselho.db.tx import Tx

PAGES_AT_ONCE = 200  # some 5 ms of the writer, most of them the commit
SPARE_PAGES = 1_000  # 4 MB stay for what comes next: a page that is cut off has to be added again


def give_back(tx: Tx) -> bool:
    """Return some free pages to the disk; True if there may be more."""
    if tx.dialect != "sqlite":
        return False
    surplus = _free_pages(tx) - SPARE_PAGES
    for _ in range(min(surplus, PAGES_AT_ONCE)):
        tx.driver.execute("PRAGMA incremental_vacuum(1)").close()
    # A file that was made without auto_vacuum does as told, and keeps its pages.
    return surplus > PAGES_AT_ONCE and _free_pages(tx) < surplus + SPARE_PAGES


def _free_pages(tx: Tx) -> int:
    return int(tx.driver.execute("PRAGMA freelist_count").fetchone()[0])
