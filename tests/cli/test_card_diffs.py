"""What is printed of a card's patches: to a pipe only what git can apply."""

from typing import Any

import pytest

from conselho.cli import card_diffs, terminal

WHOLE = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"


def make_change(path: str, **fields: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "path": path, "old_path": None, "kind": "file", "status": "changed", "lines_added": 1, "lines_removed": 1,
        "is_binary": False, "is_large": False, "patch": WHOLE, "is_cut": False,
    }  # fmt: skip
    return usual | fields


def test_a_pipe_gets_whole_patches_and_is_told_of_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    files = [
        make_change("cut", patch="diff --git a/cut b/cut\n", is_cut=True),
        make_change("whole"),
        make_change("latin", patch=WHOLE.replace("+b", "+caf\ufffd")),
        make_change("binary", patch=None, is_binary=True, lines_added=None),
    ]
    card_diffs.print_patches(files, terminal.output())
    printed = capsys.readouterr()
    assert printed.out == WHOLE
    assert [line.removeprefix("conselho: ") for line in printed.err.splitlines()] == [
        "cut: changed, too long to be kept whole, not shown",
        "latin: changed, not all of it UTF-8, not shown",
        "binary: changed, binary, not shown",
    ]
