"""Worktrees of cards, in real repositories; the user's checkout is as it was, whatever happens."""

import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conselho import errors
from conselho.projects import removing, repositories, worktrees
from conselho.projects.worktrees import Worktree
from tests.projects.repositories import git, make_dirty, make_repository, standing


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path.resolve() / "data" / "worktrees" / "p1"


def commit(project: Path, made: Worktree, message: str = "agent") -> worktrees.Committed:
    return worktrees.commit_all(project, made.path, made.branch, message)


def test_a_card_gets_a_worktree_and_a_branch_and_the_checkout_stays_as_it_was(project: Path, home: Path) -> None:
    make_dirty(project)
    before = standing(project)
    made = worktrees.add(project, home, "c1-a-title", "main")

    assert (made.path, made.branch) == (home / "c1-a-title", "conselho/c1-a-title")
    assert made.base == made.head == git(project, "rev-parse", "HEAD")
    assert (made.path / "notes.txt").read_text() == "one\ntwo\nthree\n"  # of the commit, not of the dirty checkout

    (made.path / "notes.txt").write_text("by the agent\n")
    (made.path / "new").mkdir()
    (made.path / "new" / "line\nbreak.txt").write_text("new\n")
    (made.path / "src" / "main.py").unlink()
    (made.path / "build").mkdir()
    (made.path / "build" / "out").write_text("ignored\n")
    done = commit(project, made, "implement: a title\n\nbody\n")

    assert done.commit == git(project, "rev-parse", made.branch)
    assert git(made.path, "status", "--porcelain") == ""
    assert git(project, "show", "-s", "--format=%an %s", made.branch) == "Conselho implement: a title"
    changed = git(project, "diff", "--name-status", "-z", made.base, made.branch).split("\0")
    assert changed == ["A", "new/line\nbreak.txt", "M", "notes.txt", "D", "src/main.py", ""]
    assert commit(project, made) == worktrees.Committed(None)
    assert removing.remove(project, made.path, made.branch) is None
    assert not made.path.exists()
    assert standing(project) == before


def test_what_an_earlier_try_left_is_taken_over(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    assert worktrees.add(project, home, "c1-x") == made

    (made.path / "notes.txt").write_text("work\n")
    again = worktrees.add(project, home, "c1-x")
    assert (again, (made.path / "notes.txt").read_text()) == (made, "work\n")  # nothing of it is thrown away

    commit(project, made)
    git(project, "commit", "-q", "--allow-empty", "-m", "main goes on")
    later = worktrees.add(project, home, "c1-x", "main")
    assert (later.base, later.head) == (made.base, git(project, "rev-parse", made.branch))


def test_a_crash_before_the_files_were_there_is_made_good(project: Path, home: Path) -> None:
    home.mkdir(parents=True)
    git(project, "worktree", "add", "-q", "--no-checkout", "-b", "conselho/c1-x", str(home / "c1-x"))
    (project / ".git" / "worktrees" / "c1-x" / "index.lock").touch()
    (home / "c1-x" / "notes.txt").write_text("half a fi")

    made = worktrees.add(project, home, "c1-x")

    assert git(made.path, "status", "--porcelain") == ""
    assert (made.path / "notes.txt").read_text() == "one\ntwo\nthree\n"


def test_a_worktree_that_somebody_deleted_is_made_again_from_its_branch(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    (made.path / "notes.txt").write_text("kept on the branch\n")
    commit(project, made)
    made.path.rename(made.path.with_name("moved-away"))

    again = worktrees.add(project, home, "c1-x")
    assert (again.path / "notes.txt").read_text() == "kept on the branch\n"
    standings = {each.path.name: each.standing for each in worktrees.listed(project, home)}
    assert standings == {"c1-x": "ready", "moved-away": "unregistered"}


def test_what_is_in_the_way_is_named_and_stays(project: Path, home: Path) -> None:
    (home / "c1-x").mkdir(parents=True)
    (home / "c1-x" / "somebody's").write_text("work")
    with pytest.raises(errors.Conflict, match="is in the way"):
        worktrees.add(project, home, "c1-x")
    assert (home / "c1-x" / "somebody's").read_text() == "work"


def test_a_repository_without_commits_is_refused_in_a_sentence(tmp_path: Path, home: Path) -> None:
    project = make_repository(tmp_path / "empty", commits=False)
    state = repositories.describe(project)
    assert (state.is_repository, state.branch, state.head, state.default_branch) == (True, "main", None, "main")
    with pytest.raises(errors.Conflict, match="no commit yet: make one"):
        worktrees.add(project, home, "c1-x")


def test_a_bare_repository_has_worktrees_too(project: Path, tmp_path: Path, home: Path) -> None:
    git(tmp_path, "clone", "-q", "--bare", str(project), "bare.git")
    bare = tmp_path.resolve() / "bare.git"
    state = repositories.describe(bare)
    assert (state.is_repository, state.is_bare, state.default_branch, state.is_dirty) == (True, True, "main", False)
    made = worktrees.add(bare, home, "c1-x", "main")
    (made.path / "notes.txt").write_text("work\n")
    assert commit(bare, made).commit == git(bare, "rev-parse", made.branch)
    assert removing.remove(bare, made.path, made.branch) is None


def test_a_detached_and_a_dirty_checkout_are_described_and_not_written(project: Path, home: Path) -> None:
    git(project, "checkout", "-q", "--detach")
    make_dirty(project)
    (project / "notes.txt").touch()  # its time alone: a look that refreshed the index would write it
    before = standing(project)
    state = repositories.describe(project)
    assert (state.branch, state.default_branch, state.is_dirty) == (None, "main", True)
    worktrees.add(project, home, "c1-x", "no-such-branch")
    assert standing(project) == before


def test_a_directory_that_is_no_repository_says_so(tmp_path: Path, project: Path, home: Path) -> None:
    (tmp_path / "plain").mkdir()
    (project / "build").mkdir()
    assert repositories.describe(tmp_path / "plain").is_repository is False
    assert repositories.around(project / "src") == project
    assert repositories.around(project / "build") is None  # ignored there
    assert repositories.around(tmp_path / "plain") is None
    with pytest.raises(errors.Conflict, match="no git repository"):
        worktrees.add(tmp_path / "plain", home, "c1-x")
    assert worktrees.listed(tmp_path / "plain", home) == []


def test_a_repository_that_git_cannot_read_says_so(tmp_path: Path, home: Path) -> None:
    broken = tmp_path / "broken"
    (broken / ".git").mkdir(parents=True)
    for ask in (repositories.describe, lambda path: worktrees.add(path, home, "c1-x")):
        with pytest.raises(errors.Conflict, match="not a git repository"):
            ask(broken)


def test_a_submodule_is_committed_as_its_commit_and_keeps_its_worktree(tmp_path: Path, home: Path) -> None:
    library = make_repository(tmp_path / "library")
    project = make_repository(tmp_path / "app")
    git(project, "submodule", "add", "-q", str(library), "lib")
    git(project, "commit", "-q", "-m", "with a submodule")
    made = worktrees.add(project, home, "c1-x", "main")
    assert list((made.path / "lib").iterdir()) == []

    (made.path / "notes.txt").write_text("work\n")
    commit(project, made)
    assert git(project, "ls-tree", made.branch, "lib") == git(project, "ls-tree", "main", "lib")

    git(made.path, "submodule", "update", "-q", "--init")
    git(made.path / "lib", "commit", "-q", "--allow-empty", "-m", "in the submodule")
    moved = commit(project, made)
    assert moved.commit is not None
    assert git(project, "ls-tree", made.branch, "lib").split()[2] == git(made.path / "lib", "rev-parse", "HEAD")
    assert "submodule" in (removing.remove(project, made.path, made.branch) or "")

    other = worktrees.add(project, home, "c2-y", "main")
    assert removing.remove(project, other.path, other.branch) is None  # its submodule was never filled


def test_a_nested_repository_is_left_out_and_named(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    make_repository(made.path / "inner")
    (made.path / "notes.txt").write_text("work\n")
    done = commit(project, made)
    assert done.left == ("inner/",)
    assert git(project, "ls-tree", "--name-only", made.branch).split() == [".gitignore", "notes.txt", "src"]


def test_files_that_became_something_else_are_committed_as_what_they_are(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    (made.path / "src" / "main.py").unlink()
    (made.path / "src").rmdir()
    (made.path / "src").symlink_to("/etc")
    (made.path / "notes.txt").unlink()
    (made.path / "notes.txt").mkdir()
    (made.path / "notes.txt" / "inside").write_text("x\n")
    subprocess.run(["mkfifo", str(made.path / "pipe"), str(made.path / ".gitignore.fifo")], check=True)
    commit(project, made)
    names = git(project, "ls-tree", "-r", "--format=%(objectmode) %(path)", made.branch).splitlines()
    assert names == ["100644 .gitignore", "100644 notes.txt/inside", "120000 src"]


@pytest.mark.parametrize("title", ["../x", "-x", ".git", "a/b", "ü", "", "x" * 500, "a\nb", "--upload-pack=evil"])
def test_no_title_leads_out_of_the_directory_or_is_taken_for_an_option(project: Path, home: Path, title: str) -> None:
    called = worktrees.name("c1", title)
    made = worktrees.add(project, home, called)
    assert made.path.parent == home
    git(project, "check-ref-format", f"refs/heads/{made.branch}")


@pytest.mark.parametrize("card", ["../x", "-x", ".git", "a/b", "", "x" * 65, "a b"])
def test_a_card_that_is_no_plain_word_is_refused(card: str) -> None:
    with pytest.raises(errors.Invalid):
        worktrees.name(card, "title")


@pytest.mark.parametrize("branch", ["-x", "../x", "a..b", ".git", "x.lock", "a\nb", "nowhere", "x" * 201, ""])
def test_what_is_no_branch_is_refused(project: Path, branch: str) -> None:
    found = repositories.find(project)
    assert found is not None
    with pytest.raises(errors.Invalid, match="default_branch"):
        repositories.check_branch(found, branch)
    repositories.check_branch(found, "main")


def test_an_agent_that_left_its_branch_is_told_and_nothing_is_committed(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    git(made.path, "checkout", "-q", "-b", "other")
    (made.path / "notes.txt").write_text("work\n")
    with pytest.raises(errors.Conflict, match="not on conselho/c1-x"):
        commit(project, made)


def test_a_git_file_that_an_agent_rewrote_leads_nowhere(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    before = standing(project)
    (made.path / ".git").write_text(f"gitdir: {project / '.git'}\n")
    (made.path / "notes.txt").write_text("work\n")
    commit(project, made)
    assert git(project, "show", f"{made.branch}:notes.txt") == "work"
    assert standing(project) == before


def test_worktrees_that_were_moved_with_their_data_directory_are_found_again(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    (made.path / "new.txt").write_text("work\n")
    elsewhere = home.rename(home.with_name("elsewhere"))
    again = worktrees.add(project, elsewhere, "c1-x")
    assert (again.path, again.branch, again.base) == (elsewhere / "c1-x", made.branch, made.base)
    assert commit(project, again).commit == git(project, "rev-parse", made.branch)
    assert [each.standing for each in worktrees.listed(project, elsewhere)] == ["ready"]


def test_a_worktree_that_is_still_where_it_was_is_not_taken_by_a_copy(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    shutil.copytree(home, home.with_name("copy"))
    with pytest.raises(errors.Conflict, match="is in the way"):
        worktrees.add(project, home.with_name("copy"), "c1-x")
    assert worktrees.noted_as(project, made.path).tree == made.path


def test_a_branch_that_is_gone_takes_no_commit(project: Path, home: Path) -> None:
    made = worktrees.add(project, home, "c1-x")
    git(project, "update-ref", "-d", f"refs/heads/{made.branch}")
    with pytest.raises(errors.Conflict, match="is gone: nothing was committed"):
        commit(project, made)


def test_ten_cards_at_once_do_not_mix(project: Path, home: Path) -> None:
    def work(number: int) -> str:
        made = worktrees.add(project, home, f"c{number}-x", "main")
        (made.path / "notes.txt").write_text(f"card {number}\n")
        commit(project, made, f"card {number}")
        return made.branch

    before = standing(project)
    with ThreadPoolExecutor(10) as pool:
        branches = list(pool.map(work, range(10)))
    assert [git(project, "show", f"{branch}:notes.txt") for branch in branches] == [f"card {n}" for n in range(10)]
    assert standing(project) == before
    assert [each.standing for each in worktrees.listed(project, home)] == ["ready"] * 10


def test_the_line_that_merges_is_one_that_a_shell_runs(tmp_path: Path, home: Path) -> None:
    project = make_repository(tmp_path / "it's $(here) & there")
    made = worktrees.add(project, home, "c1-x")
    (made.path / "notes.txt").write_text("merged\n")
    commit(project, made)
    line = worktrees.merge_line(project, made.branch)
    git(project, *shlex.split(line)[1:])
    assert (project / "notes.txt").read_text() == "merged\n"
