"""Agents, made by the same step that the product takes."""

from typing import Any

from sqlalchemy import Row

from conselho import ids
from conselho.agents import definitions, keys, queries
from conselho.agents.definitions import Definition
from conselho.db.session import Database


def make_definition(slug: str = "tests", **changes: object) -> Definition:
    return Definition(**{"slug": slug, "argv": ["true"], **changes})  # type: ignore[arg-type]


def make_agent(database: Database, slug: str = "tests", key: str | None = None, **changes: object) -> str:
    definition = make_definition(slug, **changes)
    if key is not None:
        return database.submit(keys.add_once, definition, ids.new(), key).result().id
    return database.submit(definitions.add, definition, ids.new()).result()


def change(database: Database, name: str, version: int | None = None, **given: object) -> str:
    return database.submit(definitions.change, name, given, version).result()


def remove(database: Database, name: str) -> None:
    database.submit(definitions.remove, name).result()


def one(database: Database, name: str) -> Row[Any]:
    return database.fetch(queries.one, name).result()
