"""The gateway's own errors, in the shape of the service's: application/problem+json (RFC 9457).

They are in the API's definition, not resources beside it, so that a change of them is deployed with it. The
emulator answers with AWS's default shapes all the same: this is checked on the template.
"""

from __future__ import annotations

import json
from typing import Any

# response type: (status, problem's name, title)
PROBLEMS = {
    "DEFAULT_4XX": (None, "request-refused", "The gateway refused the request"),
    "DEFAULT_5XX": (None, "gateway-error", "The gateway could not reach the service"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found", "There is nothing here"),
    "RESOURCE_NOT_FOUND": (404, "not-found", "There is nothing here"),
    "REQUEST_TOO_LARGE": (413, "too-large", "The request is too large"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "unsupported-media-type", "The request's media type is not supported"),
    "THROTTLED": (429, "too-many-requests", "Too many requests"),
    "QUOTA_EXCEEDED": (429, "too-many-requests", "Too many requests"),
    "INTEGRATION_FAILURE": (503, "unavailable", "The service did not answer"),
    "INTEGRATION_TIMEOUT": (503, "unavailable", "The service did not answer in time"),
}


def responses() -> dict[str, Any]:
    """`x-amazon-apigateway-gateway-responses` of the API's definition."""
    return {kind: _response(*problem) for kind, problem in PROBLEMS.items()}


def _response(status: int | None, name: str, title: str) -> dict[str, Any]:
    body: dict[str, Any] = {"type": f"urn:invoke-once:{name}", "title": title}
    headers = {"gatewayresponse.header.Content-Type": "'application/problem+json'"}
    if status is not None:
        body |= {"status": status, "detail": title + "."}
    if status in (429, 503):
        headers["gatewayresponse.header.Retry-After"] = "'2'"
    response: dict[str, Any] = {
        "responseTemplates": {"application/json": json.dumps(body)},
        "responseParameters": headers,
    }
    return response | ({"statusCode": status} if status is not None else {})
