"""What a hostile repository cannot do: run a program, have other files read, break the output, or stop the analysis."""

import os
from pathlib import Path

import pytest

from tests.analyses.conftest import GitRepository, analyse

SOURCE = "x = 1  # FIXME: one\n"

HOSTILE_NAMES = {
    b"two\nlines.py": "two\\nlines.py",
    b"quo\"te's.py": "quo\"te's.py",
    b"-leading.py": "-leading.py",
    b"--help.py": "--help.py",
    b"caf\xe9.py": "caf\\xe9.py",
    b"\x1b[31mred\x1b[0m.py": "\\x1b[31mred\\x1b[0m.py",
    b"\x01mark.py": "\\x01mark.py",
    b":(glob)**.py": ":(glob)**.py",
    b"tab\tand space .py": "tab\\tand space .py",
    "\u202egnp.py".encode(): "\\u202egnp.py",
    "ação/coração.py".encode(): "ação/coração.py",
}


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A program that leaves a trace when it runs; the trace is `trap.ran`."""
    program = tmp_path / "trap"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/trap.ran\ncat\n")
    program.chmod(0o755)
    return program


def test_programs_named_in_the_configuration_do_not_run(name: str, repository: GitRepository, trap: Path) -> None:
    repository.make({"a.py": SOURCE, "b.bin": "text\n"})
    repository.write("a.py", SOURCE * 2)
    repository.commit()
    repository.write(".gitattributes", "* filter=trap diff=trap merge=trap\n")
    repository.commit()
    for key in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass", "core.gitProxy"),
        *("diff.external", "diff.trap.command", "diff.trap.textconv", "filter.trap.clean", "filter.trap.smudge"),
        *("filter.trap.process", "gpg.program", "credential.helper", "interactive.diffFilter", "pager.log"),
        *("pager.blame", "pager.ls-files", "alias.log", "alias.blame", "alias.ls-files", "uploadpack.packObjectsHook"),
    ):
        repository.git("config", key, f"!{trap}" if key.startswith("alias") else str(trap))
    for key, value in (("log.showSignature", "true"), ("core.untrackedCache", "true"), ("core.hooksPath", "hooks")):
        repository.git("config", key, value)
    for hooks in (repository.root / "hooks", repository.root / ".git" / "hooks"):
        hooks.mkdir(exist_ok=True)
        for hook in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout", "fsmonitor-watchman"):
            (hooks / hook).symlink_to(trap)
    # Its time differs from the index: git would filter it again to see whether it changed.
    (repository.root / "a.py").write_text(SOURCE * 3)

    outcome = repository.analyse(name)

    assert outcome.exit_code == 0
    assert not trap.with_suffix(".ran").exists()


def test_partial_clone_fetches_nothing(name: str, repository: GitRepository, trap: Path) -> None:
    repository.make({"a.py": SOURCE})
    repository.write("a.py", "y = 2\n")
    repository.commit()
    old = repository.git("rev-parse", "HEAD~1:a.py").strip()
    repository.git("config", "extensions.partialClone", "origin")
    repository.git("config", "remote.origin.promisor", "true")
    repository.git("config", "remote.origin.url", f"ext::{trap}")
    repository.git("config", "protocol.ext.allow", "always")
    (repository.root / ".git" / "objects" / old[:2] / old[2:]).unlink()

    repository.analyse(name)

    assert not trap.with_suffix(".ran").exists()


def test_modules_in_the_repository_are_not_imported(name: str, repository: GitRepository, trap: Path) -> None:
    trace = trap.with_suffix(".ran")
    spring = f"import pathlib\npathlib.Path({str(trace)!r}).touch()\n"
    modules = ("json.py", "argparse.py", "yaml.py", "conselho/__init__.py", "encodings/__init__.py", "tomllib.py")
    repository.make(dict.fromkeys(modules, spring))

    outcome = analyse(name, repository.root, cwd=repository.root)

    assert outcome.exit_code == 0
    assert not trace.exists()


def test_work_tree_named_in_the_configuration_is_not_followed(
    name: str, repository: GitRepository, tmp_path: Path
) -> None:
    repository.make({"a.json": "{}"})
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.json").write_text("{ broken")
    repository.git("config", "core.worktree", str(other))

    outcome = repository.analyse(name)

    assert outcome.severity == "success"


def test_links_are_not_followed_even_in_the_middle_of_a_path(
    name: str, repository: GitRepository, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("def f(:  # FIXME: secret\n" + "x = 1\n" * 1000)
    repository.make({"folder/secret.py": "x = 1\n", "good.py": "x = 1\n"})
    (repository.root / "direct.py").symlink_to(outside / "secret.py")
    repository.git("add", "direct.py")
    repository.commit()
    (repository.root / "folder" / "secret.py").unlink()
    (repository.root / "folder").rmdir()
    (repository.root / "folder").symlink_to(outside)

    outcome = repository.analyse(name)

    assert outcome.findings == []
    assert "1 linked elsewhere" in outcome.line_with("Left out:")


def test_pipe_in_place_of_a_file_does_not_hold_it_up(name: str, repository: GitRepository) -> None:
    repository.make({"a.py": "x = 1\n", "b.py": "x = 1\n"})
    repository.write("a.py", "x = 2\n")
    repository.commit()
    (repository.root / "a.py").unlink()
    os.mkfifo(repository.root / "a.py")

    outcome = repository.analyse(name)

    assert "1 no regular file" in outcome.line_with("Left out:")


def test_hostile_file_names_survive(repository: GitRepository) -> None:
    for edit in range(3):
        for path in HOSTILE_NAMES:
            repository.write(path, f"x = {edit}  # FIXME: one\n" + "y = 1\n" * 600)
        repository.commit(days_ago=100)
    markers = repository.analyse("debt_markers")
    long = repository.analyse("monolithic_files")
    hot = repository.analyse("hot_spots", "--commits", "2")
    for path in HOSTILE_NAMES:
        repository.write(path, "def f(:\n")
    broken = repository.analyse("broken_windows")

    assert {finding["title"] for finding in markers.findings} == {"FIXME: one (3 months, Ana)"}
    for outcome in (markers, long, hot, broken):
        assert sorted(finding["file"] for finding in outcome.findings) == sorted(HOSTILE_NAMES.values())
        assert all(line.isprintable() for line in outcome.lines)


def test_words_of_strangers_print_no_control_characters(repository: GitRepository) -> None:
    repository.write("a.c", "// FIXME: \x1b]0;title\x07 \u2028 \u202e end\n")
    repository.commit(author="Eve\x1b[2J")

    outcome = repository.analyse("debt_markers")

    assert outcome.severity == "warning"
    assert all(line.isprintable() for line in outcome.lines)


def test_file_that_crashes_the_compiler_costs_itself_alone(repository: GitRepository) -> None:
    repository.make({"a.py": "def f(:\n", "crash.py": "[x " + "for x in y " * 60_000 + "]\n", "z.py": "def f(:\n"})

    outcome = repository.analyse("broken_windows")

    assert [finding["file"] for finding in outcome.findings] == ["a.py", "z.py"]
    assert "1 file (its parser crashed" in outcome.line_with("Let pass")


def test_deep_nesting_is_no_fault_and_no_delay(repository: GitRepository) -> None:
    repository.make({"a.json": "[" * 100_000, "b.yaml": "[" * 100_000, "c.toml": "a = " + "[" * 100_000})

    outcome = repository.analyse("broken_windows")

    assert outcome.exit_code == 0


def test_submodules_binary_and_large_files_are_left_out_and_told(repository: GitRepository, tmp_path: Path) -> None:
    repository.make({"a.py": "x = 1\n", "b.py": b"x = 1\0", "c.py": "#" * ((1 << 20) + 1), "gone.py": "x = 1\n"})
    commit = repository.git("rev-parse", "HEAD").strip()
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{commit},module")
    repository.commit()
    (repository.root / "gone.py").unlink()

    outcome = repository.analyse("broken_windows")

    assert outcome.severity == "success"
    assert (
        outcome.line_with("Left out:")
        == "Left out: 1 binary, 1 kept in a submodule, 1 not in the working tree, 1 over 1 MiB."
    )
