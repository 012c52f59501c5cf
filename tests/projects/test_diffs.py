"""What a card changed, against real repositories."""

import os
import tracemalloc
from pathlib import Path

import pytest

from conselho import errors
from conselho.projects import diffs, worktrees
from conselho.projects.diffs import Difference, FileChange
from conselho.projects.worktrees import Worktree
from tests.projects.repositories import git, make_repository, standing


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "shop")


@pytest.fixture
def card(project: Path, tmp_path: Path) -> Worktree:
    return worktrees.add(project, tmp_path / "home", "c1-x", "main")


def difference(project: Path, card: Worktree) -> tuple[Difference, dict[str, FileChange]]:
    found = diffs.of_worktree(project, card.path, card.base)
    return found, {each.path: each for each in found.files}


def test_committed_staged_unstaged_and_new_files_are_one_difference(project: Path, card: Worktree) -> None:
    (card.path / "notes.txt").write_text("one\n2\nthree\n")
    git(card.path, "commit", "-q", "-a", "-m", "committed")
    (card.path / "staged.txt").write_text("staged\n")
    git(card.path, "add", "staged.txt")
    (card.path / "src" / "main.py").write_text("print('hello')\n" * 20 + "unstaged\n")
    (card.path / "new.txt").write_text("a\nb\n")
    (card.path / "build").mkdir()
    (card.path / "build" / "ignored").write_text("x\n")
    (card.path / ".gitignore").unlink()
    (card.path / ".gitignore").write_text("build/\n")
    index = project / ".git" / "worktrees" / "c1-x" / "index"
    before, indexed, objects = standing(project), index.read_bytes(), git(project, "count-objects", "-v")

    found, files = difference(project, card)

    told = {path: (each.status, each.lines_added, each.lines_removed) for path, each in files.items()}
    assert told == {
        "new.txt": ("added", 2, 0),
        "notes.txt": ("changed", 1, 1),
        "src/main.py": ("changed", 1, 0),
        "staged.txt": ("added", 1, 0),
    }
    assert (found.files_total, found.lines_added, found.lines_removed) == (4, 5, 1)
    assert (files["notes.txt"].patch or "").endswith("@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n")
    assert (standing(project), index.read_bytes()) == (before, indexed)
    assert git(project, "count-objects", "-v") == objects  # nothing of it was written into the repository

    worktrees.commit_all(project, card.path, card.branch, "all of it")
    assert difference(project, card)[0] == found
    assert diffs.of_branch(project, card.branch, card.base) == found


def test_a_change_in_the_very_moment_of_the_index_is_seen_even_where_the_size_stays(
    project: Path, card: Worktree
) -> None:
    git(project, "config", "core.trustctime", "false")  # nobody can set it: the one thing that would give it away
    index, moment = project / ".git" / "worktrees" / "c1-x" / "index", (1_000_000_000, 1_000_000_000)
    notes = card.path / "notes.txt"
    for each in card.path.rglob("*"):
        os.utime(each, moment)
    git(card.path, "update-index", "--refresh")
    os.utime(index, moment)
    notes.write_bytes(notes.read_bytes().swapcase())
    os.utime(notes, moment)

    assert [*difference(project, card)[1]] == ["notes.txt"]


def test_what_main_did_meanwhile_is_no_change_of_the_card(project: Path, card: Worktree) -> None:
    (project / "notes.txt").write_text("by somebody else\n")
    git(project, "commit", "-q", "-a", "-m", "main goes on")
    assert difference(project, card)[0].files == ()


def test_renames_links_modes_and_what_became_something_else(project: Path, card: Worktree) -> None:
    (card.path / "src" / "main.py").rename(card.path / "moved.py")
    with (card.path / "moved.py").open("a") as file:
        file.write("more\n")
    (card.path / "notes.txt").unlink()
    (card.path / "notes.txt").symlink_to("/etc/passwd")
    (card.path / "link").symlink_to("/etc/shadow")
    (card.path / ".gitignore").chmod(0o755)
    found, files = difference(project, card)
    assert (files["moved.py"].status, files["moved.py"].old_path, files["moved.py"].lines_added) == (
        "renamed", "src/main.py", 1,
    )  # fmt: skip
    assert (files["notes.txt"].status, files["notes.txt"].kind) == ("retyped", "link")
    assert (files["link"].status, files["link"].kind) == ("added", "link")
    assert (files["link"].patch or "").count("/etc/shadow") == 1
    assert "root:" not in (files["notes.txt"].patch or "")
    assert (files["notes.txt"].patch or "").count("diff --git") == 2
    assert "new mode 100755" in (files[".gitignore"].patch or "")
    assert found.files_total == 4


def test_names_are_kept_byte_for_byte(project: Path, card: Worktree) -> None:
    names = [b"line\nbreak", b'quo"te', b"tab\t", b"latin-\xe9", "ü".encode(), b"-x", b":(top)x", b" ", b"diff --git a"]
    for name in names:
        with open(bytes(card.path) + b"/" + name, "wb") as file:  # noqa: PTH123 - a name that is no text
            file.write(b"diff --git a/x b/x\n" + name + b"\n")
    found, files = difference(project, card)
    assert sorted(each.name for each in found.files) == sorted(names)
    assert files["latin-\\xe9"].lines_added == 2
    assert files["line\nbreak"].lines_added == 3
    assert all((each.patch or "").count("\n+diff --git a/x b/x\n") == 1 for each in found.files)

    worktrees.commit_all(project, card.path, card.branch, "names")
    assert diffs.of_branch(project, card.branch, card.base) == found


def test_binary_files_are_named_and_have_no_patch(project: Path, card: Worktree) -> None:
    (card.path / "image").write_bytes(bytes(range(256)) * 10)
    (card.path / ".gitattributes").write_text("forced diff\n")
    (card.path / "forced").write_bytes(b"a\0b\n")
    _, files = difference(project, card)
    assert (files["image"].is_binary, files["image"].patch, files["image"].lines_added) == (True, None, None)
    assert "\0" not in (files["forced"].patch or "")


@pytest.mark.parametrize("state", ["new", "changed", "staged", "committed", "removed"])
def test_a_file_of_100_mb_is_named_and_not_read_into_memory(project: Path, tmp_path: Path, state: str) -> None:
    (project / ".gitattributes").write_text("large diff\n")
    if state in {"changed", "removed"}:
        (project / "large").write_bytes(b"x" * 2_000_000)
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "large")
    card = worktrees.add(project, tmp_path / "home", "c1-x")
    if state == "removed":
        (card.path / "large").unlink()
    else:
        with (card.path / "large").open("wb") as file:
            file.truncate(100 * 1024 * 1024)
    if state == "staged":
        git(card.path, "-c", "core.compression=0", "add", "-A")
    if state == "committed":
        worktrees.commit_all(project, card.path, card.branch, "large")
    (card.path / "notes.txt").write_text("small\n")

    tracemalloc.start()
    found, files = difference(project, card)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    status = {"changed": "changed", "removed": "removed"}.get(state, "added")
    large = files["large"]
    assert (large.status, large.is_large, large.patch, large.lines_added) == (status, True, None, None)
    assert (found.files_total, files["notes.txt"].lines_added) == (2, 1)
    assert most < 16 * 1024 * 1024


def test_patches_are_cut_one_by_one_and_in_all_and_totals_count_everything(
    project: Path, card: Worktree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diffs, "PATCH_BYTES_MAX", 1000)
    monkeypatch.setattr(diffs, "PATCHES_BYTES_MAX", 2500)
    monkeypatch.setattr(diffs, "FILES_MAX", 4)
    for number in range(6):
        (card.path / f"f{number}").write_text("0123456789\n" * 200)
    found, files = difference(project, card)
    assert (found.files_total, found.lines_added, len(files)) == (6, 1200, 4)
    assert all(each.is_cut and len(each.patch or "") <= 1000 for each in found.files)
    assert sum(len(each.patch or "") for each in found.files) <= 2500
    assert (files["f0"].patch or "").startswith("diff --git a/f0 b/f0\n")


def test_a_submodule_is_its_commit_and_a_nested_repository_is_named(tmp_path: Path) -> None:
    library, project = make_repository(tmp_path / "library"), make_repository(tmp_path / "app")
    git(project, "submodule", "add", "-q", str(library), "lib")
    git(project, "commit", "-q", "-m", "with a submodule")
    card = worktrees.add(project, tmp_path / "home", "c1-x", "main")
    git(card.path, "submodule", "update", "-q", "--init")
    git(card.path / "lib", "commit", "-q", "--allow-empty", "-m", "moved")
    (card.path / "lib" / "notes.txt").write_text("inside\n")
    make_repository(card.path / "inner")
    found, files = difference(project, card)
    assert found.nested == ("inner/",)
    assert list(files) == ["lib"]
    assert (files["lib"].kind, files["lib"].status) == ("submodule", "changed")
    assert "+Subproject commit" in (files["lib"].patch or "")


def test_a_worktree_that_is_gone_and_a_base_that_never_was_are_named(project: Path, card: Worktree) -> None:
    with pytest.raises(errors.Conflict, match="no commit"):
        diffs.of_worktree(project, card.path, "0" * 40)
    with pytest.raises(errors.Conflict, match="no commit"):
        diffs.of_branch(project, "-x", card.base)
    with pytest.raises(errors.Conflict, match="no worktree"):
        diffs.of_worktree(project, project, card.base)
    os.rename(card.path, card.path.with_name("gone"))  # noqa: PTH104
    with pytest.raises(errors.Conflict, match="no worktree"):
        diffs.of_worktree(project, card.path, card.base)
