"""What stands in any file of the repository: nothing that only one machine, or one network, would understand.

The words that are looked for are put together here, so that this file does not contain them either.
"""

import re

import pytest

from tests.architecture.source import ROOT, files

# Where packages, images and models come from: a mirror has another name, and the lock files carry hashes instead.
REGISTRIES = tuple(
    f"{name}.{top}"
    for name, top in (
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("yarnpkg", "com"),
        ("crates", "io"), ("docker", "io"), ("ghcr", "io"), ("quay", "io"), ("gcr", "io"), ("rubygems", "org"),
        ("jfrog", "io"), ("deb.debian", "org"), ("archive.ubuntu", "com"), ("huggingface", "co"),
    )
)  # fmt: skip
INDEX_OPTIONS = tuple(f"--{word}" for word in ("index" + "-url", "extra-index" + "-url", "find" + "-links"))
# Homes and places of work; the usual places of any Linux are none.
MACHINE_PATHS = re.compile("(?<![\\w.~…>}])/" + "(?:home|Users|root|work|workspace|mnt|repo|builds)" + "/[\\w.-]+")
# Examples in documentation, which no machine has.
EXAMPLES = {"/" + "home/you", "/" + "srv/repo"}


@pytest.fixture(scope="module")
def kept() -> dict[str, str]:
    """Every kept file's text, by its path in the repository."""
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in files()}


def test_the_files_that_are_looked_at_are_those_of_the_repository(kept: dict[str, str]) -> None:
    assert {"README.md", ".ci/run", "Makefile", "src/conselho/clock.py", "requirements/dev.txt"} <= set(kept)
    assert not [path for path in kept if path.startswith((".venv", ".git/"))]


def test_no_file_names_where_packages_come_from(kept: dict[str, str]) -> None:
    assert {path: found for path, text in kept.items() if (found := registries(text))} == {}


def test_no_file_names_a_place_on_one_machine(kept: dict[str, str]) -> None:
    assert {path: found for path, text in kept.items() if (found := places(text))} == {}


def test_a_lock_file_carries_hashes_and_nothing_else_that_could_lead_anywhere(kept: dict[str, str]) -> None:
    for name in ("requirements/runtime.txt", "requirements/dev.txt"):
        pinned = re.findall(r"^[\w.\[\]-]+==\S+", kept[name], re.MULTILINE)
        assert len(pinned) > 10
        assert kept[name].count("--hash=sha256:") >= len(pinned)
        assert not re.search(r"^-|@ |://", kept[name], re.MULTILINE)


def test_a_registry_is_seen_wherever_it_stands() -> None:
    for text in (
        f"https://files.{REGISTRIES[1]}/x.whl",
        f"{INDEX_OPTIONS[0]}=x",
        f"{INDEX_OPTIONS[1]} y",
        f"image: {REGISTRIES[7]}/x/y",
    ):
        assert registries(text), text
    assert registries("a pypi" + ".organisation; --no-emit-" + "index-url") == []


def test_a_place_on_one_machine_is_seen_wherever_it_stands() -> None:
    for path in ("/" + "home/anna/conselho", "/" + "root/x", "/" + "work/main", "/" + "Users/anna"):
        assert places(f'"{path}"'), path
        assert places(f"cwd={path}"), path
    assert places("https://x/api/" + "work/1 ~/" + "work/x and /usr/bin, the framework/of") == []


def registries(text: str) -> list[str]:
    """The names of registries in a text, and options that lead to one."""
    found = [host for host in REGISTRIES if re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text)]
    return found + [option for option in INDEX_OPTIONS if option in text.replace("--no-emit" + "-index-url", "")]


def places(text: str) -> list[str]:
    """The absolute paths in a text that belong to one machine."""
    return [found for found in MACHINE_PATHS.findall(text) if found not in EXAMPLES]
