"""A repository whose configuration names programs: none of them is started, whatever is done with it."""

import os
import shlex
from pathlib import Path

import pytest

from conselho.projects import diffs, removing, repositories, worktrees
from tests.projects.repositories import git, make_repository

HOOKS = (
    "post-checkout", "pre-commit", "commit-msg", "prepare-commit-msg", "post-commit", "reference-transaction",
    "post-index-change", "pre-auto-gc", "post-rewrite", "fsmonitor-watchman",
)  # fmt: skip


@pytest.fixture
def witness(tmp_path: Path) -> Path:
    """A program that leaves a trace of each of its starts in the directory `traces`."""
    (tmp_path / "traces").mkdir()
    program = tmp_path / "witness"
    traces = shlex.quote(str(tmp_path / "traces"))
    program.write_text(f'#!/bin/sh\necho "$0 $*" > {traces}/$$\ncat\n')
    program.chmod(0o755)
    return program


@pytest.fixture
def hostile(tmp_path: Path, witness: Path) -> Path:
    project = make_repository(tmp_path / "hostile")
    (project / "attributes.txt").write_text("x\n")
    (project / ".gitattributes").write_text("* filter=evil=name diff=evil merge=evil\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "attributes")
    for hook in HOOKS:
        (project / ".git" / "hooks" / hook).symlink_to(witness)
    for key in (
        "core.fsmonitor", "core.editor", "core.pager", "core.sshCommand", "core.askPass", "core.alternateRefsCommand",
        "diff.external", "diff.evil.command", "diff.evil.textconv", "merge.evil.driver", "gpg.program", "pager.status",
        "filter.evil=name.clean", "filter.evil=name.smudge", "credential.helper", "pager.config", "pager.worktree",
    ):  # fmt: skip
        (section, rest), value = key.split(".", 1), str(witness)
        name, dot, last = rest.rpartition(".")
        header = f'[{section} "{name}"]' if dot else f"[{section}]"
        with (project / ".git" / "config").open("a") as file:
            file.write(f"{header}\n\t{last} = {value}\n")
    with (project / ".git" / "config").open("a") as file:
        file.write('[filter "evil=name"]\n\trequired = true\n[commit]\n\tgpgSign = true\n[gc]\n\tauto = 1\n')
        file.write(f'[hook "evil"]\n\tcommand = {witness}\n\tevent = post-commit\n')
    return project


def work(project: Path, home: Path, witness: Path) -> None:
    """All that is ever done with a repository."""
    repositories.describe(project)
    (project / "notes.txt").touch()  # its content is compared, and so would be filtered
    repositories.describe(project)
    made = worktrees.add(project, home, "c1-x", "main")
    assert (made.path / "notes.txt").read_text() == "one\ntwo\nthree\n"
    (made.path / "notes.txt").write_text("work\n")
    (made.path / "new.txt").write_text("new\n")
    assert diffs.of_worktree(project, made.path, made.base).files_total == 2
    assert worktrees.commit_all(project, made.path, made.branch, "work").commit is not None
    assert diffs.of_branch(project, made.branch, made.base).files_total == 2
    assert len(worktrees.listed(project, home)) == 1
    assert removing.remove(project, made.path, made.branch) is None
    assert not list((witness.parent / "traces").iterdir())


def test_nothing_that_a_configuration_names_is_started(hostile: Path, tmp_path: Path, witness: Path) -> None:
    work(hostile, tmp_path / "home", witness)
    (hostile / "notes.txt").write_text("x\n")  # while a user's own git starts it
    git(hostile, "add", "-A")
    assert list((witness.parent / "traces").iterdir())


@pytest.mark.parametrize("condition", ["onbranch:conselho/**", "gitdir:**/worktrees/**"])
def test_a_filter_that_only_worktrees_of_cards_have_is_not_started(
    tmp_path: Path, witness: Path, condition: str
) -> None:
    project = make_repository(tmp_path / "hostile")
    (project / ".gitattributes").write_text("* filter=later\n")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "attributes")
    (tmp_path / "later").write_text(f'[filter "later"]\n\tclean = {witness}\n\tsmudge = {witness}\n')
    with (project / ".git" / "config").open("a") as file:
        file.write(f'[includeIf "{condition}"]\n\tpath = {tmp_path / "later"}\n')
    work(project, tmp_path / "home", witness)


def test_a_nested_repository_and_a_submodule_are_not_obeyed(tmp_path: Path, hostile: Path, witness: Path) -> None:
    outer = make_repository(tmp_path / "outer")
    git(outer, "-c", "core.hooksPath=/dev/null", "init", "-q", "lib")
    (outer / "lib" / ".git" / "config").write_text((hostile / ".git" / "config").read_text())
    (outer / "lib" / "file.txt").write_text("x\n")
    quiet = ("-c", "core.fsmonitor=false", "-c", "commit.gpgSign=false", "-c", "filter.evil=")
    git(outer / "lib", *quiet, "add", "-A")
    git(outer / "lib", *quiet, "commit", "-q", "-m", "inner")
    (outer / "lib" / ".gitattributes").write_text("* filter=evil=name\n")
    git(outer, "update-index", "--add", "--cacheinfo", f"160000,{git(outer / 'lib', 'rev-parse', 'HEAD')},lib")
    git(outer, "commit", "-q", "-m", "with a repository in it")
    (outer / "lib" / "file.txt").write_text("changed\n")
    for trace in (witness.parent / "traces").iterdir():
        trace.unlink()
    repositories.describe(outer)
    made = worktrees.add(outer, tmp_path / "home", "c1-x", "main")
    os.rename(outer / "lib" / ".git", made.path / "lib" / ".git")  # noqa: PTH104
    (made.path / "lib" / "file.txt").write_text("changed\n")
    (made.path / "notes.txt").write_text("work\n")
    diffs.of_worktree(outer, made.path, made.base)
    worktrees.commit_all(outer, made.path, made.branch, "work")
    assert removing.remove(outer, made.path, made.branch) is not None
    assert not list((witness.parent / "traces").iterdir())


def test_a_configuration_that_leads_elsewhere_is_not_followed(tmp_path: Path) -> None:
    project, other = make_repository(tmp_path / "project"), make_repository(tmp_path / "other")
    git(project, "config", "core.worktree", str(other))
    (other / "notes.txt").write_text("not ours\n")
    assert repositories.describe(project).is_dirty is False
    made = worktrees.add(project, tmp_path / "home", "c1-x")
    (made.path / "notes.txt").write_text("work\n")
    worktrees.commit_all(project, made.path, made.branch, "work")
    assert (other / "notes.txt").read_text() == "not ours\n"
    assert git(other, "branch", "--list") == "* main"


def test_variables_of_the_caller_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, other = make_repository(tmp_path / "project"), make_repository(tmp_path / "other")
    for name in ("GIT_DIR", "GIT_COMMON_DIR"):
        monkeypatch.setenv(name, str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Somebody")
    made = worktrees.add(project, tmp_path / "home", "c1-x")
    (made.path / "notes.txt").write_text("work\n")
    worktrees.commit_all(project, made.path, made.branch, "work")
    assert git(project, "show", "-s", "--format=%an <%ae> %cn", made.branch) == "Conselho <conselho@localhost> Conselho"
    assert not (tmp_path / "index").exists()
