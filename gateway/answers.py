"""Answers that the gateway signs, so that whoever holds one can prove what was said."""

from collections.abc import Mapping
from datetime import datetime

from starlette.responses import Response

from gateway.state import Gateway
from signing.request import HttpMessage, sign_response


def signed_answer(
    status: int,
    body: bytes,
    gateway: Gateway,
    request: HttpMessage,
    headers: Mapping[str, str] | None = None,
    media_type: str = "application/json",
) -> Response:
    """An answer under the gateway's signature (RFC 9421 section 2.4), bound to the request that it answers."""
    fields = (("content-type", media_type),)
    created: datetime = gateway.clock()
    signature = sign_response(status, fields, body, gateway.signer, created, request)
    return Response(body, status_code=status, media_type=media_type, headers={**(headers or {}), **signature})
