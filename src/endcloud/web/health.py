"""Whether the service lives, is ready, and how it does: `/health`, `/ready`, `/metrics`."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response

from endcloud.web.access import Routes

routes = Routes()


@routes.get("/health", roles=("anyone",))
async def health() -> dict[str, Any]:
    """Answers as long as the process can answer anything."""
    return {"status": "ok"}


@routes.get("/ready", roles=("anyone",), response_model=None)
async def ready(request: Request) -> Response:
    """200 while answers are given, 503 while the service starts or ends."""
    up = bool(request.app.state.ready)
    return JSONResponse({"ready": up}, status_code=200 if up else 503)
