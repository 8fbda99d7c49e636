"""Errors as the OpenAI API words them: status, headers and body.

Here belong: the bodies of failed requests, also of those inside a batch. When they are sent
belongs beside this.
"""

from typing import Any

from alignment_monitor.simulation.server.faults import Fault, FaultPlan

_INVALID = "invalid_request_error"

_ERRORS: dict[Fault, tuple[int, str, str | None, str]] = {
    Fault.RATE_LIMIT: (429, "requests", "rate_limit_exceeded", "Rate limit reached."),
    Fault.RATE_LIMIT_AFTER: (429, "requests", "rate_limit_exceeded", "Rate limit reached."),
    Fault.SERVER_ERROR: (500, "server_error", None, "The server had an error."),
    Fault.INSUFFICIENT_QUOTA: (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
    Fault.UNAUTHORISED: (401, _INVALID, "invalid_api_key", "Incorrect API key provided."),
    Fault.FORBIDDEN: (
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported.",
    ),
    Fault.UNKNOWN_MODEL: (
        404,
        _INVALID,
        "model_not_found",
        "The model does not exist or you do not have access to it.",
    ),
}


def error_body(
    message: str, *, kind: str = _INVALID, code: str | None = None, param: str | None = None
) -> dict[str, Any]:
    """The body of any failed request."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def http_error(fault: Fault | None, plan: FaultPlan) -> tuple[int, dict[str, Any], str] | None:
    """Status, body and Retry-After ('' for none) of a fault; None if it is of another sort."""
    if fault not in _ERRORS:
        return None
    status, kind, code, message = _ERRORS[fault]
    wait = f"{plan.retry_after_seconds:g}" if fault is Fault.RATE_LIMIT_AFTER else ""
    return status, error_body(message, kind=kind, code=code), wait
