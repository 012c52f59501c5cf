"""What do older clients send? Their words for a councilor, and the same in those of the council.

A field that is null is as it is by default, one that is not sent stays as it is. Older clients send back whole what
they were shown, and what they keep beside it: fields that nobody knows are passed over, in all of these.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from conselho.council import schemas
from conselho.council.councilors import Definition

_LENIENT = ConfigDict(extra="ignore", strict=True)
_LOOK = ("display_name", "avatar_url", "color")
_CONFIG = {"title", "schedule", "task", "notifications"}


class OlderTiming(BaseModel):
    """When it fires."""

    model_config = _LENIENT

    type: Annotated[Literal["interval", "cron", "once"] | None, Field(description="how `value` is meant")] = None
    value: Annotated[str | None, Field(description="`30m`, `1h`, `2d`, or five fields of cron, in UTC")] = None
    enabled: Annotated[bool | None, Field(description="false: paused")] = None


class OlderTask(schemas.Task):
    """What it does."""

    model_config = _LENIENT


class OlderTold(schemas.Told):
    """Who is told of which end."""

    model_config = _LENIENT


class OlderLook(BaseModel):
    """How it is recognised. `enabled: false` takes away all three."""

    model_config = _LENIENT

    enabled: bool | None = None
    display_name: str | None = None
    avatar_url: str | None = None
    color: str | None = None


class OlderConfig(BaseModel):
    """What a councilor is, and when it fires."""

    model_config = _LENIENT

    title: Annotated[str | None, Field(description="what it is to the council")] = None
    schedule: OlderTiming | None = None
    task: OlderTask | None = None
    notifications: OlderTold | None = None

    @property
    def enabled(self) -> bool | None:
        """Whether it is to fire by itself, None where nothing is said of it."""
        return None if self.schedule is None else self.schedule.enabled

    def as_ours(self, look: OlderLook | None) -> dict[str, Any]:
        """What was sent, as the council would be sent it."""
        sent = self.model_dump(exclude_unset=True, include=_CONFIG)
        if sent.get("schedule"):
            sent["schedule"].pop("enabled", None)
        if look is None:
            return sent
        if look.enabled is False:
            return sent | dict.fromkeys(_LOOK)
        return sent | look.model_dump(exclude_unset=True, include=set(_LOOK))


class OlderPromotion(BaseModel):
    """What an agent is promoted to do."""

    model_config = _LENIENT | ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "councilor_config": {
                        "title": "Conselheiro de Qualidade",
                        "schedule": {"type": "interval", "value": "30m", "enabled": True},
                        "task": {"name": "Arquivos monolíticos", "prompt": "Quais arquivos cresceram demais?"},
                        "notifications": {"on_error": True, "channels": ["panel", "toast"]},
                    },
                    "customization": {"display_name": "Dra. Testa", "color": "#10b981"},
                }
            ]
        }
    )

    councilor_config: OlderConfig
    customization: OlderLook | None = None

    def definition(self) -> Definition:
        """What is asked for, whole. Raises: errors.Invalid."""
        return schemas.Promotion.model_validate(self.councilor_config.as_ours(self.customization)).definition()


class OlderConfigChange(OlderConfig):
    """The fields to change, as they are or within `councilor_config`."""

    councilor_config: OlderConfig | None = None
    customization: OlderLook | None = None

    def config(self) -> OlderConfig:
        """What is to be changed, wherever it stands."""
        return self if self.councilor_config is None else self.councilor_config

    def given(self) -> dict[str, Any]:
        """The fields of a definition that were sent."""
        look = self.customization
        if look is None and "customization" in self.model_fields_set:
            look = OlderLook(enabled=False)
        return schemas.CouncilorFields.model_validate(self.config().as_ours(look)).given()


class OlderScheduleChange(BaseModel):
    """Whether it is to fire by itself."""

    model_config = _LENIENT

    enabled: Annotated[bool, Field(description="false pauses it, true lets it go on")]
