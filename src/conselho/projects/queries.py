"""Which projects are there? One by its slug or id, and pages in the order they were made."""

import re
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from conselho import errors, ids, names
from conselho.db import pages
from conselho.db.session import Tx
from conselho.projects.models import Project

PROJECTS = select(*Project.__table__.c)


def find(tx: Tx, name: str) -> Row[Any] | None:
    """The project of that slug or id, None where there is none."""
    return tx.execute(PROJECTS.where(is_named(name))).one_or_none()


def one(tx: Tx, name: str) -> Row[Any]:
    """The project of that slug or id. Raises: errors.NotFound."""
    row = find(tx, name)
    if row is None:
        raise errors.NotFound(absent(name))
    return row


def at(tx: Tx, path: str) -> Row[Any] | None:
    """The project in that directory, None where there is none."""
    return tx.execute(PROJECTS.where(Project.path == path)).one_or_none()


def page(tx: Tx, limit: int, after: str | None = None) -> pages.Page:
    """A page of projects. Raises: errors.Invalid for a cursor that is none."""
    return pages.page(tx, PROJECTS, Project.id, limit, after)


def is_named(name: str) -> ColumnElement[bool]:
    """The condition that a row has that slug or id; no slug has the shape of an id."""
    if ids.is_id(name):
        return Project.id == name
    return Project.slug == (name if re.fullmatch(names.SLUG, name, re.ASCII) else "")


def absent(name: str) -> str:
    """The sentence that says that there is none of that name."""
    return f"there is no project {name[:100]!r}: see those there are with `conselho projects list`"
