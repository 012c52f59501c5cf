"""The tasks that a councilor can begin with, in every language, and their door."""

import re

import httpx
import pytest
from fastapi import FastAPI

from conselho import clock, errors
from conselho.analyses import catalog
from conselho.council import limits, prompts, template_routes, templates, triggers
from conselho.council.models import OUTPUT_FORMATS
from conselho.council.templates import Template
from conselho.server import problems
from tests.looping import on_a_loop

FIVE = ["monolithic-files", "test-coverage", "vulnerable-dependencies", "inline-css", "api-performance"]
ALL = [each for language in templates.LANGUAGES for each in templates.listed(language)]
PORTUGUESE = templates.listed("pt")
NAMED = [f"{each.name} in {each.language}" for each in ALL]
# Words that both languages have, such as `do`, `for` and `no`, tell nothing.
ENGLISH = {
    "the", "and", "of", "with", "is", "are", "not", "that", "this", "which", "where", "by", "it", "from", "have", "has",
    "what", "if", "or", "an", "be", "was", "each", "warning", "finding", "findings", "key",
}  # fmt: skip
NEEDED = {"o", "de", "que", "não", "um", "uma", "com", "para", "em"}


def words(text: str) -> set[str]:
    """What a person reads: no code, which is the same in every language."""
    return set(re.findall(r"\w+", re.sub(r"`[^`]*`", " ", text).lower()))


def test_there_are_five_in_each_language_in_the_same_order() -> None:
    for language in ("en", "pt"):
        listed = templates.listed(language)
        assert [each.name for each in listed] == FIVE
        assert {each.language for each in listed} == {language}
        assert [templates.one(name, language) for name in FIVE] == list(listed)


@pytest.mark.parametrize("each", ALL, ids=NAMED)
def test_a_template_is_within_the_limits_of_a_councilor(each: Template) -> None:
    assert set(each.fields()) == {"title", "task_name", "prompt", "output_format"}
    limits.check_name("title", each.title)
    limits.check_name("task.name", each.task_name)
    limits.check_name("description", each.description)
    limits.check_prompt(each.prompt)
    limits.check_choice("task.output_format", each.output_format, OUTPUT_FORMATS)
    schedule = triggers.Schedule(each.schedule_type, each.schedule_value)
    assert triggers.checked(schedule, clock.now()) == schedule


@pytest.mark.parametrize("each", ALL, ids=NAMED)
def test_a_prompt_leaves_what_is_added_to_every_task_to_whoever_adds_it(each: Template) -> None:
    assert "VERDICT" not in each.prompt
    assert "Markdown" not in each.prompt
    assert each.prompt == each.prompt.strip()
    assert prompts.composed(each.prompt, (), each.output_format).count("VERDICT") == 1


@pytest.mark.parametrize("each", ALL, ids=NAMED)
def test_a_template_names_an_analysis_that_there_is(each: Template) -> None:
    assert each.analysis == ("monolithic_files" if each.name == "monolithic-files" else None)
    if each.analysis is not None:
        assert catalog.find(each.analysis).name in each.prompt


@pytest.mark.parametrize("name", templates.NAMES)
def test_the_languages_agree_on_limits_keys_and_moments(name: str) -> None:
    english, portuguese = templates.one(name, "en"), templates.one(name, "pt")
    for pattern in (r"\d+(?:\.\d+)? ?(?:%|ms|s\b|lin)?", rf"`(?:{name}|{english.analysis}):[^`]*`"):
        assert re.findall(pattern, english.prompt) == re.findall(pattern, portuguese.prompt)
    same = ("output_format", "schedule_type", "schedule_value", "analysis")
    assert [getattr(english, each) for each in same] == [getattr(portuguese, each) for each in same]


@pytest.mark.parametrize("each", ALL, ids=NAMED)
def test_a_prompt_says_what_is_an_error_what_a_warning_and_how_findings_are_named(each: Template) -> None:
    for said in {"en": ("- Error", "- Warning", "Key"), "pt": ("- Erro", "- Alerta", "Chave")}[each.language]:
        assert said in each.prompt
    prefix = each.analysis or each.name
    assert f"`{prefix}:" in each.prompt


@pytest.mark.parametrize("each", PORTUGUESE, ids=templates.NAMES)
def test_portuguese_is_portuguese(each: Template) -> None:
    assert words(each.prompt) >= NEEDED
    for text in (each.title, each.task_name, each.description, each.prompt):
        assert words(text) & ENGLISH == set()


def test_english_is_not_portuguese() -> None:
    for each in templates.listed("en"):
        assert words(each.prompt) & {"não", "um", "uma", "com", "que"} == set()


@pytest.mark.parametrize(
    ("name", "language", "said"),
    [
        ("haiku", "en", f"template: there is no 'haiku': choose from {', '.join(FIVE)}"),
        ("inline-css", "fr", "language: there is no 'fr': choose from en, pt"),
        ("haiku", "", "language: there is no '': choose from en, pt"),
    ],
)
def test_what_there_is_not_is_told_with_what_there_is(name: str, language: str, said: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        templates.one(name, language)
    assert refused.value.sentence == said


def test_nothing_is_listed_in_an_unknown_language() -> None:
    with pytest.raises(errors.Invalid, match=r"language: there is no 'pt-BR': choose from en, pt"):
        templates.listed("pt-BR")


async def answer(path: str) -> httpx.Response:
    app = FastAPI()
    problems.install(app)
    app.include_router(template_routes.router)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://conselho") as client:
        return await client.get(path)


@on_a_loop
async def test_the_door_shows_all_that_a_template_has() -> None:
    for query, language in (("", "en"), ("?language=en", "en"), ("?language=pt", "pt")):
        told = await answer(f"/api/v1/councilors/templates{query}")
        assert told.status_code == 200
        shown = [{name: getattr(each, name) for name in Template.__slots__} for each in templates.listed(language)]
        assert told.json() == {"items": shown}


@on_a_loop
async def test_the_door_refuses_a_language_that_nothing_is_written_in() -> None:
    told = await answer("/api/v1/councilors/templates?language=fr")
    assert (told.status_code, told.json()["detail"]) == (422, "language: there is no 'fr': choose from en, pt")
