"""The HTTP door to the templates from which a councilor's first task is made."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from conselho.council import templates
from conselho.council.triggers import Kind

router = APIRouter(prefix="/api/v1/councilors/templates", tags=["councilors"])


class ShownTemplate(BaseModel):
    """A task that can be taken as it is, or changed."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    language: str
    title: str
    task_name: str
    description: Annotated[str, Field(description="what it is for, in a sentence")]
    prompt: str
    output_format: str
    schedule_type: Kind
    schedule_value: str
    analysis: Annotated[
        str | None, Field(description="the built-in analysis that does it without a model; null: none does")
    ]


class TemplateList(BaseModel):
    """Every template, in one language."""

    items: list[ShownTemplate]


@router.get("", summary="List templates")
async def find_templates(
    language: Annotated[
        str, Query(description="what they are written in", json_schema_extra={"enum": list(templates.LANGUAGES)})
    ] = "en",
) -> TemplateList:
    """Ready tasks for councilors, always in the same order."""
    return TemplateList(items=[ShownTemplate.model_validate(each) for each in templates.listed(language)])
