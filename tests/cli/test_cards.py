"""`conselho cards`, with the real server on both databases, and without one."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conselho.cards import limits
from conselho.cards.columns import Column, Command
from conselho.cli import card_changes, card_diffs, card_orders, card_views, command_agents, projects
from conselho.executions import request
from tests.cli.conftest import House
from tests.cli.programs import conselho
from tests.cli.test_attend import on_terminal
from tests.projects.repositories import git, make_repository, standing

# It does what its command says: a plan, an odd file, a verdict.
WORK = r"""
cat > /dev/null
case $CONSELHO_COMMAND in
/plan) echo "Say it in one line." ;;
/implement) printf 'said\033[2J\n' > 'said.txt'; echo four >> notes.txt ;;
*) echo 'VERDICT: {"severity": "warning", "summary": "almost", "findings": [{"title": "Too short", "file": "said.txt", "line": 1}]}' ;;
esac
"""  # noqa: E501
pytestmark = pytest.mark.timeout(400)  # each command is a process, and there are many
MERGE = "git -C {} merge --no-ff conselho/{}-say-what-went-wrong"


class CardHouse(House):
    """A house on a database of its own, with a project, and an agent for its cards."""

    def __init__(self, data_dir: Path, database_url: str | None, shop: Path) -> None:
        super().__init__(data_dir)
        self.shop = shop
        self.database = {} if database_url is None else {"CONSELHO_DATABASE_URL": database_url}
        self.variables = {"CONSELHO_DATA_DIR": str(data_dir)} | self.database

    def call(self, *arguments: str, **more: str) -> Any:
        return conselho(*arguments, cwd=self.shop, variables={**self.variables, **more})

    def json(self, *arguments: str) -> Any:
        """What a command answers."""
        told = self.call(*arguments, "--json")
        assert (told.returncode, told.stderr) == (0, ""), told.stderr
        return json.loads(told.stdout)

    def add(self, title: str = "Say what went wrong", *arguments: str) -> str:
        """The number of a new card."""
        told = self.call("cards", "add", title, *arguments)
        assert told.returncode == 0, told.stderr
        return str(told.stdout.split()[-1])


@pytest.fixture
def cards(tmp_path: Path, database_url: str) -> Iterator[CardHouse]:
    """A house once of each kind of database, served."""
    url = None if database_url.startswith("sqlite") else database_url
    made = CardHouse(tmp_path / "house", url, make_repository(tmp_path / "shop"))
    with made.serve(*(() if url is None else ("--database-url", url))):
        for arguments in (
            ("agents", "add", "hand", "--", "sh", "-c", WORK),
            ("projects", "add", ".", "--agent", "hand"),
        ):
            told = made.call(*arguments)
            assert told.returncode == 0, told.stderr
        yield made


def test_the_limits_and_words_are_those_of_the_server() -> None:
    assert card_changes.TITLE_CHARACTERS_MAX == limits.TITLE_CHARACTERS_MAX
    assert card_changes.DESCRIPTION_BYTES_MAX == limits.DESCRIPTION_BYTES_MAX
    assert card_changes.PLAN_BYTES_MAX == limits.PLAN_BYTES_MAX
    assert card_changes.PRIORITY_MAX == request.PRIORITY_MAX
    assert card_orders.MESSAGE_BYTES_MAX == limits.MESSAGE_BYTES_MAX
    assert tuple(each.word for each in Command) == command_agents.WORDS


@pytest.mark.parametrize("word", [*card_changes.CLEARABLE, *projects.CLEARABLE])
def test_every_clearable_word_is_an_option(word: str) -> None:
    parameters = card_changes.set_.params if word in card_changes.CLEARABLE else projects.set_.params
    assert any(f"--{word}" in parameter.opts for parameter in parameters)


def test_a_card_goes_from_an_idea_to_the_line_that_merges_it(cards: CardHouse) -> None:
    before = standing(cards.shop)
    number = cards.add("Say what went wrong", "--description", "It says nothing.")

    told = cards.call("cards", "plan", number)
    assert (told.returncode, told.stdout) == (0, "Say it in one line.\n")
    assert told.stderr == f"its plan is kept: `conselho cards show {number}`\n"

    told = cards.call("cards", "implement", number, "Use one file.")
    assert (told.returncode, told.stdout) == (0, "")
    branch = f"conselho/{number}-say-what-went-wrong"
    assert told.stderr == f"2 files, +2 −0 on {branch}: `conselho cards diff {number}`\n"

    told = cards.call("cards", "test", number)
    assert told.stderr.splitlines()[0] == "warning  said.txt:1  Too short"

    merge = MERGE.format(cards.shop, number)
    told = cards.call("cards", "review", number)
    assert told.stderr.splitlines()[-1] == f"to merge it: {merge}"
    told = cards.call("cards", "move", number, "done")
    assert (told.stdout, told.stderr) == (f"moved card {number} to done\n", f"to merge it: {merge}\n")

    shown = cards.call("cards", "show", number).stdout
    for line in (
        "title      Say what went wrong\n", "column     done\n", "project    shop\n", "state      /review warning\n",
        "changes    2 files, +2 −0\n", f"branch     {branch}\n", f"merge      {merge}\n",
        "description\n  It says nothing.\n", "plan\n  Say it in one line.\n",
    ):  # fmt: skip
        assert line in shown
    assert re.findall(r"^(/\w+) +succeeded", shown, re.MULTILINE) == ["/review", "/test", "/implement", "/plan"]
    assert standing(cards.shop) == before
    git(cards.shop, *merge.split()[3:])
    assert (cards.shop / "notes.txt").read_text().endswith("four\n")


def test_the_board_has_a_line_for_each_card_and_json_for_programs(cards: CardHouse) -> None:
    told = cards.call("cards", "board")
    assert (told.returncode, told.stdout) == (0, "")
    assert told.stderr == "no cards yet: try `conselho cards add 'Say what went wrong'`\n"
    first, second = cards.add("First", "--agent", "hand"), cards.add("Second")
    cards.call("cards", "implement", second)

    told = cards.call("cards", "board").stdout
    assert [line.split("  ")[0] for line in told.splitlines()] == ["column", "backlog", "implement"]
    assert re.search(rf"^backlog +{first} +First +hand +- +- +-$", told, re.MULTILINE)
    assert re.search(
        rf"^implement +{second} +Second +hand +/implement success +2 files, \+2 −0 +-$", told, re.MULTILINE
    )
    assert cards.call("cards", "list").stdout == told
    assert [each["name"] for each in cards.json("cards", "board")["columns"]] == [str(each) for each in Column]

    page = cards.json("cards", "list", "--limit", "1")
    assert [each["title"] for each in page["items"]] == ["First"]
    page = cards.json("cards", "list", "--limit", "1", "--after", page["next"])
    assert ([each["title"] for each in page["items"]], page["next"]) == (["Second"], None)
    assert "Second" in cards.call("cards", "list", "--column", "implement").stdout
    assert cards.call("cards", "list", "--column", "done").stderr == "no card is like that\n"

    seen, _ = on_terminal("cards", "board", **cards.variables, NO_COLOR="1", COLUMNS="120")
    assert "backlog 1" in seen
    assert "✓ success" in seen


def test_what_is_given_is_changed_and_what_is_cleared_is_gone(cards: CardHouse) -> None:
    number = cards.add("Old", "--plan", "So.", "--priority", "3", "--agent", "hand", "--test-agent", "hand")
    told = cards.call("cards", "set", number, "--title", "New", "--review-agent", "hand", "--clear", "priority")
    assert (told.returncode, told.stdout) == (0, f"changed card {number}\n")
    found = cards.json("cards", "show", number)
    kept: dict[str, Any] = {
        "title": "New", "plan": "So.", "priority": 0, "agent": "hand", "agents": {"test": "hand", "review": "hand"},
        "project": "shop",
    }  # fmt: skip
    assert found | kept == found
    assert "agent      hand (/test: hand, /review: hand)\n" in cards.call("cards", "show", number).stdout

    every = [word for name in card_changes.CLEARABLE for word in ("--clear", name)]
    found = cards.json("cards", "set", number, *every)
    gone: dict[str, Any] = {"description": None, "plan": None, "project": None, "agent": None, "agents": {}}
    assert found | gone == found
    told = conselho("cards", "set", number, "--plan", "-", variables=cards.variables, stdin="From\nstdin.\n")
    assert told.returncode == 0
    assert cards.json("cards", "show", number)["plan"] == "From\nstdin.\n"


def test_a_project_says_who_is_given_its_commands_and_what_checks_it(cards: CardHouse) -> None:
    cards.call("projects", "set", "shop", "--review-agent", "hand", "--check", "make 'check all'")
    shown = cards.call("projects", "show", "shop").stdout
    assert "agent                 hand (/review: hand)\n" in shown
    assert "check_argv            make 'check all'\n" in shown
    found = cards.json("projects", "set", "shop", "--clear", "agent", "--clear", "review-agent", "--clear", "check")
    assert (found["agent"], found["agents"], found["check_argv"]) == (None, {}, None)


def test_cards_are_moved_cancelled_taken_up_and_archived(cards: CardHouse) -> None:
    first, second = cards.add("First"), cards.add("Second")
    assert cards.call("cards", "move", second, "backlog", "--before", first).returncode == 0
    backlog = cards.json("cards", "list", "--column", "backlog")["items"]
    assert [each["title"] for each in backlog] == ["Second", "First"]

    told = cards.call("cards", "move", first, "review")
    assert (told.returncode, told.stdout) == (1, "")
    sentence = "is in backlog, from where it may go to plan, cancelled, and not to review\n"
    assert told.stderr == f"conselho: card {first} {sentence}"

    assert cards.call("cards", "cancel", first).stdout == f"cancelled card {first}\n"
    assert cards.call("cards", "move", first, "backlog").returncode == 0
    assert cards.json("cards", "archive", first)["column"] == "archived"


def test_one_that_is_detached_is_followed_cancelled_and_read_later(cards: CardHouse) -> None:
    cards.call("agents", "add", "slow", "--", "sh", "-c", "echo begun; exec sleep 300")
    number = cards.add("Slow", "--agent", "slow")
    told = cards.call("cards", "plan", number, "--detach")
    execution_id = told.stdout.split()[-1]
    assert cards.json("executions", "show", execution_id)["card_id"] == cards.json("cards", "show", number)["id"]

    told = cards.call("cards", "implement", number)
    assert (told.returncode, told.stdout) == (1, "")
    assert execution_id in told.stderr
    with cards.start("cards", "log", "-f", number, **cards.database) as following:
        assert following.stdout is not None
        assert following.stdout.readline() == "begun\n"
        assert f"its run {execution_id[-8:]} is being ended" in cards.call("cards", "cancel", number).stdout
        following.wait(60)
    assert cards.call("cards", "log", number, "plan").stdout.startswith("begun\n")
    assert [each["id"] for each in cards.json("executions", "list", "--card", number)["items"]] == [execution_id]
    told = cards.call("cards", "log", number, "test")
    assert (told.returncode, "has had no /test yet" in told.stderr) == (1, True)


def test_a_command_exits_as_its_run_does_and_prints_json_as_run_does(cards: CardHouse) -> None:
    cards.call("agents", "add", "failing", "--", "sh", "-c", "echo no; exit 7")
    number = cards.add("Fail", "--agent", "failing")
    told = cards.call("cards", "implement", number, "--json")
    line, execution = (json.loads(each) for each in told.stdout.splitlines())
    assert (told.returncode, told.stderr, line["text"]) == (7, "", "no")
    assert (execution["status"], execution["exit_code"], execution["command"]) == ("failed", 7, "/implement")
    assert cards.call("cards", "implement", number, "--timeout", "1", "--agent", "hand").returncode == 0


def test_a_diff_is_a_patch_in_a_pipe_and_harmless_on_a_terminal(cards: CardHouse) -> None:
    number = cards.add()
    told = cards.call("cards", "diff", number)
    assert (told.returncode, told.stdout) == (1, "")
    cards.call("cards", "implement", number)

    patch = cards.call("cards", "diff", number).stdout
    assert "+said\x1b[2J\n" in patch
    (cards.shop / "card.patch").write_text(patch)
    git(cards.shop, "apply", "--check", "card.patch")
    told = cards.call("cards", "diff", number, "--stat", "--now").stdout
    assert re.search(r"^notes.txt +changed +\+1 +−0$", told, re.MULTILINE)
    assert told.endswith("2 files, +2 −0\n")
    assert cards.json("cards", "diff", number)["files_total"] == 2

    seen, _ = on_terminal("cards", "diff", number, **cards.variables)
    assert "\x1b[32m+said\\x1b[2J\x1b[0m" in seen
    assert "\x1b[36m@@" in seen


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("add", ""), "TITLE "),
        (("add", "x" * 256), "longer than 255 characters"),
        (("add", "x", "--project", "nowhere"), "--project: "),
        (("add", "x", "--test-agent", "nobody"), "there is no agent 'nobody'"),
        (("add", "x", "--plan", "-", "--description", "-"), "stdin holds one text"),
        (("set", "1"), "say what to change"),
        (("set", "1", "--plan", "x", "--clear", "plan"), "say different things"),
        (("set", "1", "--plan-agent", "x", "--clear", "plan-agent"), "say different things"),
        (("move", "1", "nowhere"), "'nowhere' is not one of"),
        (("plan", "1", "--timeout", "soon"), "is no duration"),
    ],
)
def test_what_cannot_be_is_refused_by_the_names_of_options(
    shared_house: House, arguments: tuple[str, ...], word: str
) -> None:
    told = shared_house.call("cards", *arguments)
    assert (told.returncode, told.stdout) == (2, "")
    assert word in told.stderr
    assert told.stderr.count("\n") == 1


def test_a_card_that_is_none_is_told_so(shared_house: House) -> None:
    for name in ("99", "../agents", "-1x", "99999999999", "01890a5d-ac96-774b-bcce-b302099a8057"):
        told = shared_house.call("cards", "show", "--", name)
        assert (told.returncode, told.stdout) == (1, "")
        assert "conselho cards list" in told.stderr


def test_a_card_without_a_project_is_told_what_it_lacks(shared_house: House) -> None:
    told = shared_house.call("cards", "add", "Homeless")
    assert told.returncode == 0
    assert "it belongs to no project" in told.stderr
    number = told.stdout.split()[-1]
    told = shared_house.call("cards", "plan", number)
    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert f"card {number} has no project" in told.stderr


def test_looking_needs_no_server_and_no_database(house: House) -> None:
    assert house.call("cards", "list").stderr.startswith("no cards yet: ")
    assert json.loads(house.call("cards", "list", "--json").stdout) == {"items": [], "next": None}
    assert not house.data_dir.exists()


def test_a_shell_is_offered_the_numbers_of_cards_where_a_server_is(cards: CardHouse) -> None:
    number = cards.add("Two\nlines")
    asked = {"_CONSELHO_COMPLETE": "fish_complete", "COMP_WORDS": "conselho cards show ", "COMP_CWORD": ""}
    assert cards.call(**asked).stdout == f"plain,{number}\tTwo lines\n"


def test_what_nobody_sees_is_spelled_out() -> None:
    assert card_diffs.visible("a\tb\x1b[31m\u202e\r") == "a\tb\\x1b[31m\\u202e\\r"


@pytest.mark.parametrize(("usd", "words"), [(None, ""), (0.0, "$0.0000"), (0.01934, "$0.0193"), (12.3456, "$12.35")])
def test_a_cost_is_exact_enough(usd: float | None, words: str) -> None:
    assert card_views.cost(usd) == words
