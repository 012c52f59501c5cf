"""The HTTP door to schedules: what one would mean, before anything is kept."""

from fastapi import APIRouter

from conselho import clock
from conselho.council import triggers, words, zones
from conselho.council.schedule_schemas import ScheduleFields, SchedulePreview, ShownMoment

router = APIRouter(prefix="/api/v1/schedules", tags=["schedules"])


@router.post("/preview", summary="Say what a schedule means")
def preview(body: ScheduleFields) -> SchedulePreview:
    """A schedule in words, and its next five moments. Nothing is kept."""
    # In a thread, as it is no coroutine: the first question of a zone reads its files.
    now = clock.now()
    schedule = triggers.checked(body.schedule(), now)
    zone = zones.named(schedule.timezone)
    return SchedulePreview(
        words=words.describe(schedule),
        timezone=schedule.timezone,
        moments=[ShownMoment(at=at, local=at.astimezone(zone)) for at in triggers.preview(schedule, now)],
    )
