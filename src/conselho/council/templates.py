"""What can a councilor be given to do, for a start? Ready tasks, to be taken as they are or changed.

They are no part of a councilor: what was taken from one stays as it is when the template changes.
"""

from dataclasses import dataclass

from conselho import errors
from conselho.council import templates_en, templates_pt
from conselho.council.triggers import Kind


@dataclass(frozen=True, slots=True)
class Template:
    """A task, and when it is worth doing.

    `analysis`: the built-in analysis (`analyses/catalog.py`) that does the same without a model, where there is one.
    """

    name: str
    language: str
    title: str
    task_name: str
    prompt: str
    output_format: str
    schedule_type: Kind
    schedule_value: str
    description: str
    analysis: str | None

    def fields(self) -> dict[str, str]:
        """What it gives a `councilors.Definition`; the schedule needs a time zone besides."""
        return {
            "title": self.title,
            "task_name": self.task_name,
            "prompt": self.prompt,
            "output_format": self.output_format,
        }


@dataclass(frozen=True, slots=True)
class _Habit:
    """What is the same in every language. Moments are spread, so that a council of all five does not start at once."""

    cron: str
    output_format: str
    analysis: str | None = None


_HABITS = {
    "monolithic-files": _Habit("0 9 * * 1", "summary", "monolithic_files"),
    "test-coverage": _Habit("0 7 * * 1-5", "summary"),
    "vulnerable-dependencies": _Habit("0 6 * * *", "checklist"),
    "inline-css": _Habit("0 9 * * 3", "checklist"),
    "api-performance": _Habit("0 9 * * 5", "detailed"),
}
_TEXTS = {"en": templates_en.TEXTS, "pt": templates_pt.TEXTS}

NAMES = tuple(_HABITS)
LANGUAGES = tuple(_TEXTS)


def one(name: str, language: str) -> Template:
    """The template of that name. Raises: errors.Invalid naming those there are."""
    _check("language", language, LANGUAGES)
    _check("template", name, NAMES)
    habit, text = _HABITS[name], _TEXTS[language][name]
    return Template(
        name=name,
        language=language,
        title=text["title"],
        task_name=text["task_name"],
        prompt=text["prompt"],
        output_format=habit.output_format,
        schedule_type=Kind.CRON,
        schedule_value=habit.cron,
        description=text["description"],
        analysis=habit.analysis,
    )


def listed(language: str) -> tuple[Template, ...]:
    """All of them, always in the same order. Raises: errors.Invalid where nothing is written in that language."""
    _check("language", language, LANGUAGES)
    return tuple(one(name, language) for name in NAMES)


def _check(field: str, word: str, words: tuple[str, ...]) -> None:
    if word not in words:
        raise errors.Invalid(f"{field}: there is no {word[:50]!r}: choose from {', '.join(words)}")
