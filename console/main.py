"""The command `gateway-console`: serve the console of one gateway."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from console.app import create_app
from console.settings import DemoUser, Provider, Settings

_USAGE = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to stop; the exit code."""
    parser = argparse.ArgumentParser(prog="gateway-console", description="网关控制台 · the gateway's console")
    parser.add_argument("--url", required=True, help="where the gateway is")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8450)
    parser.add_argument("--public-url", help="the address that people type; default http://HOST:PORT")
    parser.add_argument("--oidc-issuer", help="OpenID Connect provider; its secret is CONSOLE_OIDC_SECRET")
    parser.add_argument("--oidc-client-id")
    parser.add_argument("--oidc-name", default="OpenID Connect", help="what the provider is called on the page")
    parser.add_argument("--demo-users", type=Path, help="sandbox only: JSON file of people and their passwords")
    parser.add_argument("--demo-keys", type=Path, help="sandbox only: folder USER/KEYID.pem")
    parsed = parser.parse_args(arguments)
    provider = None
    if parsed.oidc_issuer:
        if not parsed.oidc_client_id:
            print("gateway-console: --oidc-client-id is needed with --oidc-issuer", file=sys.stderr)
            return _USAGE
        secret = os.environ.get("CONSOLE_OIDC_SECRET", "")
        provider = Provider(parsed.oidc_issuer, parsed.oidc_client_id, secret, parsed.oidc_name)
    settings = Settings(
        gateway_url=parsed.url,
        public_url=parsed.public_url or f"http://{parsed.host}:{parsed.port}",
        provider=provider,
        demo_users=_demo_users(parsed.demo_users),
        demo_keys=parsed.demo_keys,
    )
    uvicorn.run(create_app(settings), host=parsed.host, port=parsed.port, log_level="warning", server_header=False)
    return 0


def _demo_users(file: Path | None) -> tuple[DemoUser, ...]:
    """The people of a sandbox: an array of {user, password, display_name, role}."""
    if file is None:
        return ()
    return tuple(DemoUser(**entry) for entry in json.loads(file.read_text(encoding="utf-8")))


if __name__ == "__main__":
    raise SystemExit(main())
