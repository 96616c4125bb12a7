"""One message to one endpoint: bounded in time and size, to the address that was checked, and to nowhere else."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx

from gateway.delivery.targets import NotAllowed, Target, Targets

_MOST_READ = 64 * 1024
Resolve = Callable[[str, int], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of it: accepted is a 2xx. `reason` is a stable slug, `retry_after` what the receiver asked for, in
    seconds."""

    accepted: bool
    reason: str
    status: int | None = None
    retry_after: int | None = None


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system resolves it; none if it does not."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return list(dict.fromkeys(str(one[4][0]) for one in found))


class Sender:
    """Sends; to be closed. It asks no proxy, keeps no cookies and follows no redirect."""

    def __init__(
        self, targets: Targets, *, timeout: float, ca: ssl.SSLContext | None = None, resolver: Resolve = resolve
    ) -> None:
        self._targets = targets
        self._timeout = timeout
        self._resolve = resolver
        verify = ca or ssl.create_default_context()
        self._client = httpx.AsyncClient(
            verify=verify, trust_env=False, follow_redirects=False, timeout=timeout, headers={"user-agent": "gateway"}
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> Sent:
        """POST `body`. What is wrong with the address or the answer is a result; nothing is raised.

        The name is resolved once, checked, and connected to at that very address: a name that means another one a
        moment later leads nowhere else. TLS and Host still name the host.
        """
        try:
            async with asyncio.timeout(self._timeout):
                target = self._targets.read(url)
                address = self._targets.choose(target, await self._resolve(target.host, target.port))
                return await self._post(target, address, headers, body)
        except NotAllowed as refused:
            return Sent(False, str(refused))
        except (TimeoutError, httpx.TimeoutException):
            return Sent(False, "too-slow")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Sent(False, "tls" if _is_tls(error) else "unreachable")

    async def _post(self, target: Target, address: str, headers: Mapping[str, str], body: bytes) -> Sent:
        host = f"[{address}]" if ":" in address else address
        async with self._client.stream(
            "POST",
            f"{target.scheme}://{host}:{target.port}{target.path}",
            content=body,
            headers={**headers, "host": target.authority, "accept-encoding": "identity"},
            extensions={"sni_hostname": target.host},
        ) as answer:
            read = 0
            async for part in answer.aiter_raw():
                read += len(part)
                if read > _MOST_READ:  # the status is all that matters
                    break
            return _judge(answer.status_code, answer.headers.get("retry-after", ""))


def _judge(status: int, retry_after: str) -> Sent:
    """Standard Webhooks, delivery success and failure: 2xx is success, 410 the wish to hear no more."""
    if 200 <= status < 300:
        return Sent(True, "accepted", status)
    asked = int(retry_after) if retry_after.isdecimal() and len(retry_after) < 8 else None
    reason = "gone" if status == 410 else "redirected" if 300 <= status < 400 else "status"
    return Sent(False, reason, status, asked)


def _is_tls(error: BaseException) -> bool:
    """Whether a TLS error is what it comes from."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
