"""When has a worker been silent for too long? The database's own clock says so."""

from sqlalchemy import func, select

from conselho.db import engine
from conselho.executions.models import Execution
from tests.acceptance.waiting import until


def await_lease_over(url: str, execution_id: str) -> None:
    """Return once the lease of a held run has passed, by the database's clock."""
    opened = engine.open_engine(url, read_only=True)
    now = func.clock_timestamp() if url.startswith("postgresql") else func.strftime("%Y-%m-%dT%H:%M:%f000Z", "now")

    def is_over() -> bool:
        with opened.connect() as connection:
            asked = select(Execution.id).where(Execution.id == execution_id, Execution.__table__.c.lease_until < now)
            return connection.execute(asked).one_or_none() is not None

    until(is_over, f"the lease of {execution_id} to pass")
    opened.dispose()
