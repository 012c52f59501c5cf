"""What does a person see who opens the address in a browser? A page with the newest runs and events, live.

Its script and style stand in the page itself, and the policy that is sent with it names them by their digests: no
other script runs, nothing is loaded from elsewhere, and no other page may show it in a frame.
"""

import base64
import hashlib
import re
from functools import lru_cache
from importlib import resources

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False, tags=["web"])


@router.get("/")
async def show() -> HTMLResponse:
    """The page."""
    text, policy = _page()
    return HTMLResponse(text, headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"})


@lru_cache(maxsize=1)
def _page() -> tuple[str, str]:
    """The page and the policy that allows just what stands in it."""
    text = resources.files("conselho.server").joinpath("live.html").read_text(encoding="utf-8")
    allowed = {name: _digests(text, name) for name in ("script", "style")}
    policy = (
        "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
        f" script-src {allowed['script']}; style-src {allowed['style']}"
    )
    return text, policy


def _digests(text: str, element: str) -> str:
    found = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in found)
