"""Identity providers: one that a test plays itself, and a real one, run by the node of a wheel."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from house import AT
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from listening import Server, whole

from tests.real_provider import CLIENT

NONCE, REDIRECT = "n-0123456789abcdef", "http://127.0.0.1/signed-in"
WELL_KNOWN = "/.well-known/openid-configuration"
Key = RSAKey | ECKey | OKPKey


def new_key(keyid: str, algorithm: str = "RS256") -> Key:
    """A private key for signing."""
    parameters = {"kid": keyid, "use": "sig", "alg": algorithm}
    match algorithm[:2]:
        case "ES":
            return ECKey.generate_key("P-256", parameters)
        case "Ed":
            return OKPKey.generate_key("Ed25519", parameters)
    return RSAKey.generate_key(2048, parameters)


@dataclass
class Issuer:
    """A provider that behaves, on a server of the test's own: what it says and signs is the test's."""

    server: Server
    keys: list[Key] = field(default_factory=list)

    def publish(self, *keys: Key, more: tuple[dict[str, Any], ...] = (), **described: Any) -> None:
        """Say which keys are its own from now on."""
        self.keys = list(keys)
        stated = {"issuer": self.server.url, "jwks_uri": f"{self.server.url}/jwks"} | described
        self.server.answers[WELL_KNOWN] = whole(json.dumps(stated).encode())
        told = {"keys": [*(one.as_dict(private=False) for one in keys), *more]}
        self.server.answers["/jwks"] = whole(json.dumps(told).encode())

    def token(
        self, at: datetime = AT, *, key: Key | None = None, header: Mapping[str, Any] | None = None, **claims: Any
    ) -> str:
        """An ID token; a claim that is None is left out."""
        used = key or self.keys[0]
        now = int(at.timestamp())
        said = {
            "iss": self.server.url,
            "aud": CLIENT,
            "sub": "wang",
            "name": "王某",
            "participant": "subsidy-office",
            "nonce": NONCE,
            "iat": now,
            "exp": now + 3600,
        } | claims
        said = {name: value for name, value in said.items() if value is not None}
        head = {"alg": used.alg or "RS256", "kid": used.kid} | dict(header or {})
        head = {name: value for name, value in head.items() if value is not None}
        return jws.serialize_compact(head, json.dumps(said).encode(), used, algorithms=[str(head["alg"])])

    def asked(self) -> list[str]:
        """The paths that were asked for."""
        return [one.split(b" ")[1].decode() for one in self.server.requests]


def config(issuer: str, /, **changes: Any) -> dict[str, Any]:
    """The `[oidc]` table for this issuer."""
    return {
        "issuer": issuer,
        "client_id": CLIENT,
        "allowed": {"subsidy-office": "SUBSIDY", "insurer-c": "SANDBOX-C", "regulator": "REGULATOR"},
        "insecure_localhost": True,
        "timeout_seconds": 1.0,
    } | changes


def code_flow(issuer: str, login: str, nonce: str = NONCE) -> str:
    """The ID token that a browser and a page get: authorization code with PKCE (RFC 7636), over HTTP."""
    verifier = "v" * 64
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with httpx.Client(trust_env=False, follow_redirects=False, timeout=10) as browser:
        described = browser.get(issuer + WELL_KNOWN).json()
        answer = browser.get(
            described["authorization_endpoint"],
            params={
                "client_id": CLIENT,
                "redirect_uri": REDIRECT,
                "response_type": "code",
                "scope": "openid profile",
                "state": "s-1",
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )
        for _ in range(12):
            while answer.status_code in (302, 303):
                address = str(answer.next_request.url) if answer.next_request else ""
                if address.startswith(REDIRECT):
                    query = parse_qs(urlsplit(address).query)
                    assert query["state"] == ["s-1"]
                    form = {
                        "grant_type": "authorization_code",
                        "code": query["code"][0],
                        "redirect_uri": REDIRECT,
                        "client_id": CLIENT,
                        "code_verifier": verifier,
                    }
                    token: str = browser.post(described["token_endpoint"], data=form).json()["id_token"]
                    return token
                answer = browser.get(address)
            page = answer.text
            assert answer.status_code == 200, page
            action = re.search(r'<form[^>]*action="([^"]+)"', page)
            assert action is not None, page
            prompt = re.search(r'name="prompt" value="(\w+)"', page)
            form = {"prompt": prompt[1] if prompt else "login", "login": login, "password": "any"}
            answer = browser.post(str(answer.url.join(action[1])), data=form)
    raise AssertionError("the provider led nowhere")
