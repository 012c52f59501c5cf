"""Agents that are made, changed and removed, on both databases."""

from concurrent.futures import Future
from datetime import timedelta
from typing import Any

import pytest

from conselho import errors, ids
from conselho.agents import definitions, keys, queries
from conselho.agents.definitions import Definition
from conselho.agents.schemas import AgentSnapshot
from conselho.db import keys as stored_keys
from conselho.db.session import Database
from conselho.events import log as events
from tests.agents.making import change, make_agent, make_definition, one, remove
from tests.conftest import Clock

ALL_OF_IT: dict[str, Any] = {
    "title": "Tests", "emoji": "🧪", "description": "runs them all", "provider": "command", "argv": ["make", "test"],
    "prompt": "look at {prompt}", "model": "large", "cwd": "/srv", "env": {"CI": "1"}, "env_allow": ["GITHUB_TOKEN"],
    "timeout_seconds": 60.5, "idle_timeout_seconds": 5.0, "accepted_exit_codes": [0, 3], "concurrency": 2,
    "exclusive": True,
}  # fmt: skip


def told(database: Database) -> list[tuple[str, dict[str, Any]]]:
    return [(event.kind, event.data) for event in database.fetch(events.read_after, 0).result()]


def test_an_agent_is_kept_as_it_was_defined(database: Database, clock: Clock) -> None:
    agent_id = make_agent(database, **ALL_OF_IT)

    row = one(database, "tests")
    assert definitions.of_row(row) == make_definition(**ALL_OF_IT)
    assert (row.id, row.version, row.created_at, row.updated_at) == (agent_id, 1, clock(), clock())
    assert one(database, agent_id) == row


def test_what_is_not_said_is_the_default(database: Database) -> None:
    make_agent(database)
    assert definitions.of_row(one(database, "tests")) == Definition(slug="tests", argv=["true"])


def test_a_change_changes_what_is_given_and_nothing_else(database: Database, clock: Clock) -> None:
    make_agent(database, **ALL_OF_IT)
    clock.advance(seconds=5)

    change(database, "tests", title=None, concurrency=7, env={})

    row = one(database, "tests")
    assert definitions.of_row(row) == make_definition(**ALL_OF_IT | {"title": None, "concurrency": 7, "env": {}})
    assert (row.version, row.updated_at, row.created_at) == (2, clock(), clock() - timedelta(seconds=5))


def test_each_change_says_so_in_an_event_without_the_values(database: Database) -> None:
    agent_id = make_agent(database)
    change(database, "tests", env={"TOKEN": "secret"}, title="Tests")
    remove(database, "tests")

    named = {"agent_id": agent_id, "agent": "tests"}
    assert told(database) == [
        ("agent.created", named),
        ("agent.changed", named | {"fields": ["title", "env"]}),
        ("agent.removed", named),
    ]


def test_a_change_that_changes_nothing_says_nothing(database: Database) -> None:
    make_agent(database, title="Tests")
    change(database, "tests", title="Tests")
    change(database, "tests")

    assert one(database, "tests").version == 1
    assert [kind for kind, _ in told(database)] == ["agent.created"]


def test_who_changes_what_has_changed_meanwhile_is_told(database: Database) -> None:
    make_agent(database)
    change(database, "tests", version=1, title="first")

    with pytest.raises(errors.Conflict, match="version 2 by now, not 1"):
        change(database, "tests", version=1, title="second")
    assert one(database, "tests").title == "first"


def test_changes_at_once_are_all_kept(database: Database) -> None:
    make_agent(database)
    fields: list[dict[str, object]] = [{"title": "t"}, {"emoji": "e"}, {"model": "m"}, {"concurrency": 3}]

    waiting = [database.submit(definitions.change, "tests", given) for given in fields]
    for each in waiting:
        each.result()

    row = one(database, "tests")
    assert (row.title, row.emoji, row.model, row.concurrency, row.version) == ("t", "e", "m", 3, 5)


def test_a_slug_is_taken_once(database: Database) -> None:
    make_agent(database)
    with pytest.raises(errors.Conflict, match="'tests' already"):
        make_agent(database, argv=["false"])
    make_agent(database, "Tests")  # another one: capital letters count
    assert one(database, "tests").argv == ["true"]


def test_the_slug_of_a_removed_agent_is_free(database: Database) -> None:
    first = make_agent(database)
    remove(database, first)
    assert make_agent(database) != first


@pytest.mark.parametrize("name", ["nobody", "0190c1a2-0000-7000-8000-000000000001", "", "a\0b", "ü", "a b"])
def test_what_is_not_there_is_neither_changed_nor_removed(database: Database, name: str) -> None:
    with pytest.raises(errors.NotFound):
        change(database, name, title="x")
    with pytest.raises(errors.NotFound):
        remove(database, name)
    assert database.fetch(queries.find, name).result() is None
    assert told(database) == []


def test_the_same_key_makes_one_agent(database: Database) -> None:
    first = make_agent(database, key="k")
    assert make_agent(database, key="k") == first
    assert len(told(database)) == 1


def test_the_same_key_with_another_definition_is_refused(database: Database) -> None:
    make_agent(database, key="k")
    with pytest.raises(errors.Invalid, match="Idempotency-Key"):
        make_agent(database, key="k", title="other")
    with pytest.raises(errors.Invalid, match="Idempotency-Key"):
        make_agent(database, "other", key="k")


def test_a_key_is_kept_for_seven_days(database: Database, clock: Clock) -> None:
    make_agent(database, key="k")
    clock.advance(timedelta(days=7, seconds=1))
    make_agent(database, "other", key="k")
    assert database.submit(stored_keys.forget).result() is False
    with pytest.raises(errors.Invalid):
        make_agent(database, "third", key="k")
    clock.advance(timedelta(days=7, seconds=1))
    database.submit(stored_keys.forget).result()
    make_agent(database, "third", key="k")


def test_a_key_answers_the_same_though_its_agent_was_changed_and_removed(database: Database) -> None:
    def ask() -> AgentSnapshot:
        return database.submit(keys.add_once, make_definition(), ids.new(), "k").result()

    first = ask()
    assert (first.slug, first.version) == ("tests", 1)
    change(database, first.id, title="changed")
    assert ask() == first
    remove(database, first.id)
    assert ask() == first
    assert database.fetch(queries.find, "tests").result() is None


def test_a_key_whose_agent_could_not_be_made_is_free(database: Database) -> None:
    make_agent(database)
    with pytest.raises(errors.Conflict):
        make_agent(database, key="k")
    make_agent(database, "other", key="k")


def test_of_many_that_want_one_slug_at_once_one_gets_it(database_url: str) -> None:
    """From two processes' writers, so that on PostgreSQL the inserts themselves meet."""
    databases = [Database(database_url), Database(database_url)]
    waiting: list[Future[str]] = []
    for number in range(20):
        chosen = databases[number % 2]
        waiting.append(chosen.submit(definitions.add, make_definition(title=f"{number}"), ids.new()))
    made = [each for each in waiting if each.exception(30) is None]
    refused = {type(each.exception()) for each in waiting} - {type(None)}
    for each in databases:
        each.close()
    assert (len(made), refused) == (1, {errors.Conflict})


def test_of_many_with_one_key_at_once_all_get_the_same(database_url: str) -> None:
    databases = [Database(database_url), Database(database_url)]
    waiting = [databases[number % 2].submit(keys.add_once, make_definition(), ids.new(), "k") for number in range(20)]
    assert len({each.result(30).id for each in waiting}) == 1
    for each in databases:
        each.close()


LIMITS: list[tuple[dict[str, object], str]] = [
    ({"slug": ""}, "slug"),
    ({"slug": "-x"}, "slug"),
    ({"slug": "a b"}, "slug"),
    ({"slug": "é"}, "slug"),
    ({"slug": "x\n"}, "slug"),
    ({"slug": "x" * 101}, "slug"),
    ({"slug": "0190c1a2-0000-7000-8000-000000000001"}, "slug"),
    ({"title": "x" * 201}, "title"),
    ({"title": "\0"}, "title"),
    ({"emoji": "x" * 33}, "emoji"),
    ({"description": "x" * 10_001}, "description"),
    ({"description": "\ud800"}, "description"),
    ({"provider": "oracle"}, "provider 'oracle'"),
    ({"argv": None}, "argv"),
    ({"argv": []}, "argv"),
    ({"argv": [""]}, "argv"),
    ({"prompt": "x" * (512 * 1024 + 1)}, "prompt"),
    ({"model": "x" * 101}, "model"),
    ({"cwd": "here"}, "cwd"),
    ({"cwd": ""}, "cwd"),
    ({"env": {"": "x"}}, "env"),
    ({"env": {"A": "\0"}}, "env"),
    ({"env_allow": ["A=B"]}, "env_allow"),
    ({"env_allow": ["A\n"]}, "env_allow"),
    ({"env_allow": [""]}, "env_allow"),
    ({"env_allow": ["CONSELHO_DATABASE_URL"]}, "the server's own"),
    ({"env_allow": ["A"] * 101}, "env_allow"),
    ({"timeout_seconds": 0.5}, "timeout_seconds"),
    ({"timeout_seconds": float("nan")}, "timeout_seconds"),
    ({"idle_timeout_seconds": 604_801.0}, "idle_timeout_seconds"),
    ({"accepted_exit_codes": []}, "accepted_exit_codes"),
    ({"accepted_exit_codes": [256]}, "accepted_exit_codes"),
    ({"concurrency": 0}, "concurrency"),
    ({"concurrency": 1001}, "concurrency"),
]


@pytest.mark.parametrize(("changes", "named"), LIMITS, ids=lambda value: str(value)[:40])
def test_what_cannot_be_is_refused_in_a_sentence_that_names_it(changes: dict[str, object], named: str) -> None:
    with pytest.raises(errors.Invalid, match=named) as caught:
        definitions.checked(make_definition(**changes))  # type: ignore[arg-type]
    assert "\n" not in caught.value.sentence
    assert len(caught.value.sentence) < 200


@pytest.mark.parametrize(
    "changes",
    [
        {"slug": "x" * 100},
        {"slug": "0.a_B-9"},
        {"title": "é" * 200, "emoji": "👨\u200d👩\u200d👧\u200d👦", "description": "x" * 10_000, "model": "x" * 100},
        {"timeout_seconds": 1.0, "idle_timeout_seconds": 604_800.0},
        {"concurrency": 1000, "accepted_exit_codes": list(range(256)), "env_allow": ["_", "A1"] * 50},
    ],
    ids="-".join,
)
def test_what_lies_at_a_limit_can_be_kept(database: Database, changes: dict[str, Any]) -> None:
    agent_id = make_agent(database, **changes)
    assert definitions.of_row(one(database, agent_id)) == make_definition(**changes)


def test_a_change_is_checked_against_the_whole(database: Database) -> None:
    make_agent(database, argv=["echo", "{prompt}"])
    with pytest.raises(errors.Invalid, match="100 KiB"):
        change(database, "tests", prompt="x" * 101 * 1024)
    with pytest.raises(errors.Invalid, match="argv"):
        change(database, "tests", argv=None)
    assert one(database, "tests").version == 1
