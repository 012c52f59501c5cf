"""Is the documentation true? Every path, command, option, target and link in it must exist."""

import re
import shlex
from collections.abc import Iterator

import click
import pytest

from conselho.cli import main
from conselho.settings import Settings
from tests.architecture.markdown import ROOT, Page, pages

ADR_LINES_MAX = 60
SHELLS = ("sh", "console", "ini")
# Where a word is a command and not an argument: after these.
BEFORE_A_COMMAND = {"$", "|", "&&", ";", "exec"}
KNOWN_HOSTS = {"127.0.0.1", "conselho", "keepachangelog.com", "semver.org"}
# What absolute paths in examples may begin with: the usual places of any Linux, and our own HTTP.
KNOWN_ROOTS = {"api", "backup", "dev", "etc", "livez", "opt", "proc", "readyz", "srv", "sys", "tmp", "usr", "var"}

# Read by tests, set for runs, naming the file of settings, or standing for any name.
NO_SETTINGS = {
    "TEST_POSTGRES_URL", "TEST_WALKS", "EXECUTION", "CARD", "COMMAND", "BASE", "CHECK", "CONFIG", "X_FILE",
}  # fmt: skip

every_page = pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)


@every_page
def test_every_relative_link_leads_somewhere(page: Page) -> None:
    for link in page.links():
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.exists(), f"{page.name} links to {link}"
        assert path.is_relative_to(ROOT), f"{page.name} links out of the repository: {link}"
        if anchor:
            assert anchor in Page(path).anchors(), f"{page.name} links to {link}"


@every_page
def test_every_command_that_is_shown_is_understood(page: Page) -> None:
    for words in _invocations(page):
        _walk(main.conselho, words, f"{page.name}: conselho {' '.join(words)}")


@every_page
def test_every_make_target_that_is_shown_exists(page: Page) -> None:
    shown = [line for block in page.blocks("sh", "console") for line in block.splitlines()]
    for line in [*shown, *page.code()]:
        found = re.match(r"(?:\$ )?make ([a-z]+)", line)
        if found:
            assert found[1] in _make_targets(), f"{page.name}: {line}"


@every_page
def test_every_file_that_is_named_exists(page: Page) -> None:
    for code in page.code():
        found = re.fullmatch(r"((?:[\w.-]+/)*[\w-]+\.(?:py|md|toml|txt))(?::(\w+))?|((?:[\w.-]+/)+)", code)
        if not found or code in _NOT_OURS:
            continue
        named = found[1] or found[3]
        places = [base / named for base in (ROOT, ROOT / "src" / "conselho", ROOT / "docs", page.path.parent)]
        existing = [place for place in places if place.exists()]
        if "/" not in named:  # `models.py`, of whichever room
            existing += (ROOT / "src" / "conselho").rglob(named)
        assert existing, f"{page.name} names {code}"
        if found[2]:
            assert re.search(rf"\b(def|class) {found[2]}\b", existing[0].read_text(encoding="utf-8")), code


@every_page
def test_every_setting_that_is_named_exists(page: Page) -> None:
    variables = set(re.findall(r"\bCONSELHO_([A-Z_]+)\b", page.text)) - NO_SETTINGS
    for name in variables:
        assert name.lower().removesuffix("_file") in Settings.model_fields, f"{page.name}: CONSELHO_{name}"


@every_page
def test_no_page_names_a_host_or_a_place_of_one_machine(page: Page) -> None:
    hosts = set(re.findall(r"https?://([\w.-]+)", page.text))
    assert hosts <= KNOWN_HOSTS, page.name
    roots = set(re.findall(r"(?<![\w.~:/>)\]}…])/([a-z]\w*)/", page.text))
    assert roots <= KNOWN_ROOTS, page.name


def test_lock_files_name_no_host() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        assert "://" not in lock.read_text(encoding="utf-8"), lock.name


def test_both_readmes_show_the_same_commands() -> None:
    english, portuguese = (_shown(Page(ROOT / name)) for name in ("README.md", "README.pt-BR.md"))
    assert english == portuguese
    assert english[:2] == ["make demo", "make test"], "the two commands come first"


def test_every_make_target_is_in_contributing() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [target for target in _make_targets() if f"`make {target}`" not in text] == []


def test_every_decision_is_short_and_listed() -> None:
    index = Page(ROOT / "docs" / "adr" / "README.md")
    decisions = sorted(path.name for path in index.path.parent.glob("0*.md"))
    assert decisions == sorted(index.links())
    for number, name in enumerate(decisions, start=1):
        text = (index.path.parent / name).read_text(encoding="utf-8")
        assert name.startswith(f"{number:04}-")
        assert len(text.splitlines()) <= ADR_LINES_MAX, name
        for part in ("## Context", "## Decision", "## Consequences", "## Rejected"):
            assert part in text, f"{name} lacks {part}"


# Named as somebody else's, or made when the program runs.
_NOT_OURS = {"conselho.toml", "runs/", "attachments/", "repo/", "repo/docs/", "json.py", "~/.config/systemd/user/"}


def _make_targets() -> list[str]:
    return re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def _shown(page: Page) -> list[str]:
    """The commands of a page's shell blocks, without what is said about them."""
    lines = [line.split("#")[0].strip() for block in page.blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line]


def _invocations(page: Page) -> Iterator[list[str]]:
    """What follows `conselho` wherever it is called: in blocks, and in inline code that begins with it."""
    lines = [line for block in page.blocks(*SHELLS) for line in block.splitlines()]
    for line in [*lines, *(code for code in page.code() if code.startswith("conselho "))]:
        if "…" in line or ("conselho" not in line):
            continue
        try:
            words = shlex.split(line.replace("=/", " $ /"), comments=True)
        except ValueError:
            continue  # a line of output with an apostrophe in it
        for at, word in enumerate(words):
            called = word == "conselho" or word.endswith("/bin/conselho")
            if called and (at == 0 or words[at - 1] in BEFORE_A_COMMAND or words[at - 2] == "exec"):
                end = next((i for i in range(at, len(words)) if words[i] in {"|", "&&", ";"}), len(words))
                if words[at + 1 : end] and words[at + 1] != "conselho":
                    yield words[at + 1 : end]


def _walk(group: click.Command, words: list[str], where: str) -> None:
    """Follow the words through the commands; every command and option must be known."""
    context = click.Context(group, info_name="conselho")
    at = 0
    while at < len(words) and words[at] != "--":
        word = words[at]
        at += 1
        if word.startswith("-"):
            at += _values_of(context.command, word.split("=")[0], where) if "=" not in word else 0
        elif isinstance(context.command, click.Group):
            command = context.command.get_command(context, word)
            assert command is not None, f"{where}: there is no {word}"
            context = click.Context(command, info_name=word, parent=context)


def _values_of(command: click.Command, option: str, where: str) -> int:
    """How many words follow an option, which must exist."""
    if option in {"--help", "-h", "-"}:
        return 0
    for parameter in command.params:
        if isinstance(parameter, click.Option) and option in [*parameter.opts, *parameter.secondary_opts]:
            return 0 if parameter.is_flag or parameter.count else parameter.nargs
    raise AssertionError(f"{where}: there is no {option}")
