"""The gateway's API as a person who is signed in: what reads. What acts is signed, see `client.browser`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.auth import AuthBase

from client.calls import Answer, Calls, read_answer


class Session(Calls):
    """A connection to one gateway in the session of one person. Use it in a `with`; it is for one thread.

    It has every method of `client.Gateway`; those that change something are refused by the gateway with status 401 and
    the rule `session.reads-only`. A session that is over is refused with 401 and the rule `session.current`.
    """

    def __init__(self, url: str, token: str, *, language: str = "zh", timeout: float = 60.0) -> None:
        super().__init__(url, language=language, timeout=timeout)
        self._session.auth = _Bearer(token)

    def who(self) -> Answer:
        """Who is signed in: `user`, `role`, `participant`, `keyids`, `expires_at`."""
        return self.call("GET", "/v1/sessions/current")

    def sign_out(self) -> Answer:
        """End the session: its token is worth nothing from now on."""
        return self.call("DELETE", "/v1/sessions/current")

    def call(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        content_type: str | None = None,
        message_id: str | None = None,
        accept: str | None = None,
    ) -> Answer:
        """One request; `path` begins with `/` and has its query. Raises `Problem` on a refusal."""
        given = {"content-type": content_type, "accept": accept}
        headers = {name: value for name, value in given.items() if value is not None}
        if message_id is not None:
            headers["idempotency-key"] = f'"{message_id}"'
        request = requests.Request(method, self._url + path, headers=headers, data=body)
        return self.send(self._session.prepare_request(request))


@dataclass(frozen=True)
class SignedIn:
    """What a sign-in gives: the token for `Session`, who it is, and everything that was told."""

    token: str
    expires_at: str
    user: str
    role: str
    participant: str
    told: Mapping[str, Any]


def sign_in(
    url: str, user: str, password: str, *, address: str | None = None, language: str = "zh", timeout: float = 60.0
) -> SignedIn:
    """A session by user name and password. Raises `Problem`: 401 if they do not belong together, 429 if it is too soon.

    `address` is where the person sits, for a server that signs people in: the gateway counts failures by it where it
    trusts the server's word (docs/signing-in.md).
    """
    return _begin(url, {"user": user, "password": password}, address, language, timeout)


def sign_in_with_id_token(
    url: str, id_token: str, nonce: str, *, address: str | None = None, language: str = "zh", timeout: float = 60.0
) -> SignedIn:
    """A session by an identity provider's word (OpenID Connect), with the nonce that was sent to it, as `sign_in`."""
    return _begin(url, {"id_token": id_token, "nonce": nonce}, address, language, timeout)


def _begin(url: str, stated: Mapping[str, str], address: str | None, language: str, timeout: float) -> SignedIn:
    headers = {"content-type": "application/json", "accept-language": language}
    if address is not None:
        headers["x-forwarded-for"] = address
    body = json.dumps(stated).encode()
    response = requests.post(
        url.rstrip("/") + "/v1/sessions", data=body, headers=headers, timeout=timeout, allow_redirects=False
    )
    told: Mapping[str, Any] = read_answer(response).value
    return SignedIn(
        token=told["token"],
        expires_at=told["expires_at"],
        user=told["user"],
        role=told["role"],
        participant=told["participant"],
        told=told,
    )


class _Bearer(AuthBase):
    """Puts the token where RFC 6750 section 2.1 wants it; as `auth`, so that no netrc of this machine replaces it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers["authorization"] = f"Bearer {self._token}"
        return prepared
