"""What every agent CLI is told of files that belong to its task: where they lie, and that they are to be read."""

import pytest

from conselho.providers.base import Provider
from conselho.providers.options import MODES, Options
from tests.providers.conformance.kinds import CLIS, PROVIDERS, task, task_of

PLACE = "/srv/attachments/01a20293-2fc1-700f-bf5d-940f874fa5f5"
FILES = (f"{PLACE}/1-a.png", f"{PLACE}/2-b.txt")


def told(provider: Provider, mode: str, *files: str) -> str:
    """All that is said beside the prompt."""
    made = provider.invocation(task(options=Options(permission_mode=mode), attachments=files))
    return "\n".join([*made.argv, *made.fixed.values(), *made.files.values()])


@pytest.mark.parametrize("mode", ["plan", "edit"])
@pytest.mark.parametrize("provider", CLIS, ids=lambda each: each.name)
def test_its_cli_hears_of_them_in_the_modes_that_limit_it(provider: Provider, mode: str) -> None:
    assert PLACE in told(provider, mode, *FILES)
    assert PLACE not in told(provider, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("provider", CLIS, ids=lambda each: each.name)
def test_no_argument_begins_with_what_a_file_is_called(provider: Provider, mode: str) -> None:
    made = provider.invocation(task(options=Options(permission_mode=mode), attachments=FILES))
    assert all(each.startswith("-") for each in made.argv if PLACE in each), made.argv


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda each: each.name)
def test_without_files_nothing_is_different(provider: Provider) -> None:
    assert provider.invocation(task_of(provider, attachments=())) == provider.invocation(task_of(provider))


def test_codex_is_shown_pictures_and_reads_the_rest_itself() -> None:
    (codex,) = (each for each in CLIS if each.name == "codex")
    files = (*FILES, f"{PLACE}/3-c.JPEG", "/srv/a,b/4-d.png")
    argv = codex.invocation(task(attachments=files)).argv
    assert [each for each in argv if each.startswith("--image")] == [
        f"--image={PLACE}/1-a.png",
        f"--image={PLACE}/3-c.JPEG",
    ]


@pytest.mark.parametrize("name", ["claude", "gemini", "opencode"])
def test_nothing_may_be_written_beside_them(name: str) -> None:
    (provider,) = (each for each in CLIS if each.name == name)
    wanted = {
        "claude": f"--disallowedTools=Edit(//**/{PLACE.rpartition('/')[2]}/**)",
        "gemini": f'"file_path\\":\\"[^\\"]*{PLACE.rpartition("/")[2]}/'.replace("-", "\\\\-"),
        "opencode": f'"*{PLACE.rpartition("/")[2]}/*": "deny"',
    }
    assert wanted[name] in told(provider, "edit", *FILES)
