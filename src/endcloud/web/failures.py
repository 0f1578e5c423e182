"""What becomes of errors: every one leaves as the same object, with the status that a client expects of it.

Messages are ours; what a library says of an unforeseen error stays in the log by its type, since its text could
hold what a customer wrote.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from endcloud.errors import (
    AccessError,
    BudgetError,
    CloudError,
    ConflictError,
    EndcloudError,
    NotFoundError,
    UnknownVersionError,
    UsageError,
    VersionError,
)
from endcloud.web.access import UnknownCallerError
from endcloud.web.openai_wire import error_body

log = logging.getLogger("endcloud.web")
_BRANCH = re.compile(r"[\[\]]|-|^(?:str|int|float|bool|dict|list)$")
"""What the library calls a branch of several types, such as `constrained-str`: no part of a field's name."""

_STATUS: Mapping[type[EndcloudError], tuple[int, str]] = {
    UnknownCallerError: (401, "authentication_error"),
    AccessError: (403, "permission_error"),
    NotFoundError: (404, "invalid_request_error"),
    UnknownVersionError: (404, "invalid_request_error"),
    VersionError: (409, "conflict_error"),
    ConflictError: (409, "conflict_error"),
    UsageError: (400, "invalid_request_error"),
    BudgetError: (503, "unavailable_error"),
    CloudError: (503, "unavailable_error"),
    EndcloudError: (503, "unavailable_error"),
}


class RefusedRequest(Exception):
    """A request that is answered with an error: `status`, and `param` or `code` as the OpenAI format has them."""

    def __init__(
        self, status: int, message: str, *, param: str | None = None, code: str | None = None, retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.param, self.code, self.retry_after = status, message, param, code, retry_after


def add_handlers(app: FastAPI) -> None:
    """Makes `app` answer every error in one form."""
    app.add_exception_handler(RefusedRequest, _refused)
    app.add_exception_handler(EndcloudError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


def described(error: Exception) -> tuple[int, str, str]:
    """Status, kind and sentence of an error, for a stream that has begun and can no longer set a status."""
    if isinstance(error, EndcloudError):
        status, kind = next(found for of, found in _STATUS.items() if isinstance(error, of))
        return status, kind, str(error)
    log.error("unforeseen error: %s", type(error).__name__)
    return 500, "server_error", "Something went wrong here that we did not foresee; try again."


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RefusedRequest)
    return refused(error)


def refused(error: RefusedRequest) -> JSONResponse:
    """The answer to a request that is refused."""
    kind = "rate_limit_error" if error.status == 429 else "invalid_request_error"
    headers = {"retry-after": str(error.retry_after)} if error.retry_after else None
    body = error_body(error.message, kind, param=error.param, code=error.code)
    return JSONResponse(body, status_code=error.status, headers=headers)


async def _known(request: Request, error: Exception) -> JSONResponse:
    status, kind, message = described(error)
    headers = {"www-authenticate": "Bearer"} if status == 401 else {"retry-after": "5"} if status == 503 else None
    code = "invalid_api_key" if status == 401 else None
    return JSONResponse(error_body(message, kind, code=code), status_code=status, headers=headers)


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    """The first thing that is wrong with a body, without the value: it may be a customer's words."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:] if not _BRANCH.search(str(part)))
    if first["type"] == "json_invalid":
        return JSONResponse(error_body("The body is not JSON; send one JSON object.", "invalid_request_error"), 400)
    said = _problem(first["type"], first["msg"], first.get("ctx", {}))
    message = f"{repr(where) if where else 'The body'} {said}."
    return JSONResponse(error_body(message, "invalid_request_error", param=where or None), 400)


def _problem(kind: str, said: str, context: Mapping[str, Any]) -> str:
    """What is wrong with a value, as the end of a sentence."""
    if kind == "missing":
        return "is missing; send it"
    if kind == "string_pattern_mismatch":
        return "may hold letters, digits and the signs _ . : @ - and nothing else"
    if kind == "value_error":
        said = str(context.get("error", said))
    return f"cannot be taken as it is: {said[:1].lower()}{said[1:]}"


async def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    message = {404: "There is nothing at this address.", 405: "This address does not take this method."}
    body = error_body(message.get(error.status_code, str(error.detail)), "invalid_request_error")
    return JSONResponse(body, status_code=error.status_code, headers=error.headers)


async def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    _, kind, message = described(error)
    return JSONResponse(error_body(message, kind), status_code=500)
