"""The floor of the feed: `python -m benches.feed_floor PORT` serves the pages of a folder from memory, in turn.

The service's framework and server settings, and nothing else: no signature is judged or made, nothing is looked up.
"""

import itertools
import os
import sys
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response

from gateway.serve import run


def application() -> FastAPI:
    """The application of the one process."""
    pages = itertools.cycle([file.read_bytes() for file in sorted(Path(os.environ["FLOOR_PAGES"]).iterdir())])
    app = FastAPI(openapi_url=None)

    @app.get("/readyz")
    async def ready() -> Response:
        return Response()

    @app.get("/v1/premiums/changes")
    async def page() -> Response:
        return Response(next(pages), media_type="application/json")

    return app


if __name__ == "__main__":
    run("benches.feed_floor:application", "127.0.0.1", int(sys.argv[1]), 1)
