"""What stands in a prompt, in which order, and what is cut."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from conselho import errors
from conselho.cards import prompting
from conselho.cards.columns import Command
from conselho.cards.prompting import Told
from conselho.executions import verdict_line

ENDED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def make_card(**fields: Any) -> Any:
    return SimpleNamespace(**{"number": 7, "title": "Mend the door", "description": None, "plan": None} | fields)


def make_run(command: str = "/test", **fields: Any) -> Any:
    usual = {
        "command": command, "status": "succeeded", "severity": "success", "completed_at": ENDED, "summary": None,
        "findings": None, "result": None,
    }  # fmt: skip
    return SimpleNamespace(**usual | fields)


def composed(command: Command = Command.IMPLEMENT, card: Any = None, **told: Any) -> str:
    return prompting.composed(Told(card=card or make_card(), command=command, **told))


@pytest.mark.parametrize("command", Command)
def test_each_command_has_its_own_words_and_the_card_behind_them(command: Command) -> None:
    text = composed(command, make_card(description="It squeaks.\n"))
    assert text.startswith(prompting.built_in(command))
    assert "\n\n## Card 7: Mend the door\n\nIt squeaks." in text
    assert text.endswith(verdict_line.ASKED_FOR) == (command in {Command.TEST, Command.REVIEW})


def test_the_words_of_commands_are_their_own() -> None:
    assert len({prompting.built_in(each) for each in Command}) == 4
    for command in (Command.PLAN, Command.REVIEW):
        assert "Change nothing" in prompting.built_in(command)


def test_without_a_plan_it_is_said_that_there_is_none() -> None:
    assert "This card has no plan: find out for yourself" in composed(Command.IMPLEMENT)
    assert "## Plan\n\nThere is none." in composed(Command.TEST)
    assert "Plan" not in composed(Command.PLAN).removeprefix(prompting.built_in(Command.PLAN))


def test_the_plan_stands_with_the_card() -> None:
    card = make_card(plan="First the hinge.")
    assert "## Plan\n\nFirst the hinge." in composed(Command.IMPLEMENT, card)
    assert "## The plan so far\n\nFirst the hinge." in composed(Command.PLAN, card)


def test_the_message_is_told() -> None:
    text = composed(message="use the existing helper")
    assert "## What was said with the command\n\nuse the existing helper" in text
    assert "What was said" not in composed(message="")


def test_a_file_of_the_project_takes_the_place_of_our_words_and_of_nothing_else() -> None:
    text = composed(Command.REVIEW, own="Look at $ARGUMENTS, and at $ARGUMENTS again.", message="the hinge")
    assert text.startswith("Look at the hinge, and at the hinge again.\n\n## Card 7: Mend the door")
    assert "What was said" not in text
    assert text.endswith(verdict_line.ASKED_FOR)
    assert composed(own="Do it.", message="gently").count("gently") == 1
    assert composed(own="Do $ARGUMENTS.").startswith("Do .")
    assert composed(own="").startswith("## Card 7")


def test_what_is_said_is_not_read_as_a_place_for_more() -> None:
    assert "say $ARGUMENTS" in composed(own="Do it.", message="say $ARGUMENTS")
    assert composed(own="a $ARGUMENTS b", message="$ARGUMENTS").startswith("a $ARGUMENTS b\n")


def test_what_came_of_earlier_runs_is_told_the_oldest_first() -> None:
    findings = [
        {"severity": "error", "title": "it squeaks", "file": "door.py", "line": 3},
        {"title": "it is red", "file": "paint.py"},
        {"severity": "warning", "title": "it is old"},
    ]
    runs = [
        make_run("/implement", status="failed", severity="error", result="half of it"),
        make_run("/test", severity="error", summary="It squeaks", result="It squeaks", findings=findings),
    ]
    text = composed(earlier=runs)
    assert (
        "## What came of the last /implement\n\n"
        "It ended on 2026-03-02T09:00:00Z as failed, severity error.\nhalf of it\n\n"
        "## What came of the last /test\n\n"
        "It ended on 2026-03-02T09:00:00Z as succeeded, severity error.\nIt squeaks\n"
        "- error: it squeaks (door.py:3)\n- warning: it is red (paint.py)\n- warning: it is old"
    ) in text


def test_a_plan_that_was_kept_is_not_told_twice() -> None:
    run = make_run("/plan", result="First the hinge.")
    card = make_card(plan="First the hinge.")
    assert composed(Command.IMPLEMENT, card, earlier=[run]).count("First the hinge.") == 1
    assert "What came of the last /plan" in composed(Command.PLAN, card, earlier=[run])
    assert "What came of the last /plan" in composed(earlier=[make_run("/plan", status="failed", severity="error")])


def test_a_run_that_never_began_has_no_verdict() -> None:
    run = make_run(status="cancelled", severity=None, completed_at=None)
    assert "## What came of the last /test\n\nIt ended as cancelled." in composed(earlier=[run])


def test_what_is_too_long_of_an_earlier_run_is_cut_and_says_so() -> None:
    result = "x" * (prompting.RESULT_CHARACTERS_MAX + 1)
    findings = [{"title": f"fault {number}."} for number in range(prompting.FINDINGS_MAX + 1)]
    text = composed(earlier=[make_run(result=result, findings=findings)])
    assert "x" * prompting.RESULT_CHARACTERS_MAX + "\n… (cut here)" in text
    assert result not in text
    assert ("fault 49." in text, "fault 50." in text) == (True, False)


def test_findings_that_are_left_out_are_counted() -> None:
    findings = [{"title": f"fault {number}."} for number in range(prompting.FINDINGS_MAX + 3)]
    assert "- … and 3 more" in composed(earlier=[make_run(findings=findings)])
    assert "more" not in composed(earlier=[make_run(findings=findings[:2])]).rpartition("What came of")[2]


def test_what_is_to_be_known_comes_last() -> None:
    files = {"door.png": "/data/1.png", "notes.txt": "/data/2.txt"}
    text = composed(base="abc123", check=["make", "test a"], attachments=files)
    assert text.endswith(
        "## To know\n\n"
        "The card's branch began at commit abc123; `git diff abc123` shows what it has changed.\n"
        "The project's check command, as its arguments: ['make', 'test a']\n"
        "Files that belong to the card:\n- door.png: /data/1.png\n- notes.txt: /data/2.txt"
    )
    assert "To know" not in composed()


def test_the_longest_card_there_may_be_fits() -> None:
    card = make_card(title="é" * 255, description="x" * 100 * 1024, plan="y" * 200 * 1024)
    runs = [make_run(each, result="z" * 20_000) for each in ("/implement", "/test", "/review")]
    text = composed(Command.REVIEW, card, earlier=runs, message="m" * 64 * 1024)
    assert len(text.encode()) < 512 * 1024


def test_what_would_be_longer_than_a_prompt_may_be_is_refused() -> None:
    card = make_card(plan="y" * 200 * 1024, description="x" * 100 * 1024)
    with pytest.raises(errors.Invalid, match="512 KiB: shorten"):
        composed(card=card, own="$ARGUMENTS" * 6000, message="m" * 64 * 1024)
