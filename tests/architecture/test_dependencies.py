"""Is what the program needs of others what `pyproject.toml` says, and nothing that would move on under it?"""

import re
import sys
import tomllib
from importlib import metadata, resources

import pytest

from tests.architecture.source import ROOT, of_the_program

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DECLARED: list[str] = _PROJECT["project"]["dependencies"]
OF_DEVELOPERS: list[str] = _PROJECT["project"]["optional-dependencies"]["dev"]
BUILDING: list[str] = _PROJECT["build-system"]["requires"]
NO_PACKAGES = {"conselho", "__future__", "_typeshed"}
# `zoneinfo` of the standard library imports it by itself, where the system brings no time zones. Its version is a date:
# nothing in it can break, and a bound above would only keep away what governments have decided since.
OF_ZONEINFO = {"tzdata"}


def name_of(requirement: str) -> str:
    """Whose requirement it is, as registries compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~ ]", requirement)[0]).lower()


def imported() -> set[str]:
    """The packages that the program imports from, wherever in a file."""
    roots = {name.partition(".")[0] for source in of_the_program() for _, name in source.imported()}
    brought = metadata.packages_distributions()
    foreign = roots - set(sys.stdlib_module_names) - NO_PACKAGES
    return {name_of(distribution) for root in foreign for distribution in brought[root]}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    assert {name_of(requirement) for requirement in DECLARED} == imported() | OF_ZONEINFO


def test_what_zoneinfo_imports_by_itself_is_really_there_for_it() -> None:
    declared = {name_of(requirement) for requirement in DECLARED}
    assert declared >= OF_ZONEINFO
    assert not imported() & OF_ZONEINFO
    assert "America/Sao_Paulo" in resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("requirement", [*DECLARED, *OF_DEVELOPERS, *BUILDING])
def test_every_requirement_says_from_which_release_on_and_before_which(requirement: str) -> None:
    is_of_types_alone = name_of(requirement).startswith("types-")  # their versions follow what they describe
    if name_of(requirement) in OF_ZONEINFO:
        assert re.fullmatch(r"[\w-]+>=20\d\d\.\d+", requirement)
        return
    bounds = re.fullmatch(r"[\w-]+(?:\[\w+\])?>=(\d[\d.]*),<(\d[\d.]*)", requirement)
    assert is_of_types_alone or (bounds and numbers(bounds[1]) < numbers(bounds[2]))


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
