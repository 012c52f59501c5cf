"""Which doors does the server have? The application, made from what the process holds open."""

import asyncio
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp

from conselho.agents import routes as agents
from conselho.cards import attachment_routes as attachments
from conselho.cards import project_routes as cards_of_projects
from conselho.cards import routes as cards
from conselho.council import routes as council
from conselho.council import schedule_routes as schedules
from conselho.council import template_routes as templates
from conselho.events import routes as events
from conselho.events.watchers import Watchers
from conselho.executions import log_routes as logs
from conselho.executions import log_stream
from conselho.executions import routes as executions
from conselho.legacy import doors as older_doors
from conselho.legacy import events as councilor_events
from conselho.projects import routes as projects
from conselho.runtime import Runtime
from conselho.server import agent_clis, contract, health, overview, presence, problems, recount, web
from conselho.server.bodies import Bodies
from conselho.server.guard import Guard
from conselho.server.holder import Holder
from conselho.server.stopping import Stop
from conselho.server.uploads import Uploads
from conselho.worker.loop import Worker

ABOUT = "Run AI agents and other commands, and keep what happened."


def create(
    runtime: Runtime,
    worker: Worker | None = None,
    me: Holder | None = None,
    stop: Stop | None = None,
    urls: Sequence[str] = (),
) -> FastAPI:
    """The application. Without `me` nobody serves: reads only, in the process of a command.

    `urls` are the TCP addresses it is reached at.
    """
    app = _doors()
    app.state.runtime = runtime
    app.state.database = runtime.database
    app.state.signals = runtime.signals
    app.state.broadcast = runtime.broadcast
    app.state.councilor_ring = runtime.broadcast.beside(councilor_events.VIEW)
    app.state.watchers = Watchers(runtime.settings.streams_per_client_max)
    app.state.read_lines = partial(log_stream.among_events, runtime.database)
    app.state.recount_alone = asyncio.Lock()
    app.state.worker = worker
    app.state.me = me
    app.state.stop = stop
    app.state.urls = list(urls)
    return app


def document() -> dict[str, Any]:
    """What `/openapi.json` answers."""
    return _doors().openapi()


def _doors() -> FastAPI:
    app = _Application(
        title="Conselho",
        description=ABOUT,
        version=version("conselho"),
        docs_url=None,  # the framework's pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: f"{route.tags[0]}_{route.name}",
    )
    problems.install(app)
    rooms = (
        agents.router,
        projects.router,
        cards_of_projects.router,
        cards.router,
        attachments.router,
        agent_clis.router,
        templates.router,
        council.router,
        schedules.router,
        executions.router,
        logs.router,
        events.router,
    )
    older = (councilor_events.router, older_doors.router)
    for router in (health.router, presence.router, web.router, overview.router, recount.router, *rooms, *older):
        app.include_router(router)
    return app


class _Application(FastAPI):
    """Behind the guard, and behind who reads bodies: what they refuse reaches nothing else."""

    def build_middleware_stack(self) -> ASGIApp:
        """What a request passes, outermost first."""
        application = super().build_middleware_stack()
        return Guard(Uploads(application, otherwise=Bodies(application)))

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = contract.complete(super().openapi())
        return self.openapi_schema
