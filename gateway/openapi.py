"""The API's description, generated from the routes: OpenAPI 3.1, committed in openapi/ and compared by a test."""

import json

from gateway.app import create_app


def description() -> str:
    """The OpenAPI document as JSON text with sorted keys."""
    return json.dumps(create_app().openapi(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
