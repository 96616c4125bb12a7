"""Where may be sent to: hosts that the operator lists, over TLS, at addresses that are not of a private network.

A subscriber names an address, and the gateway calls it from the inside: without this it could be made to call what only
the inside can reach (server-side request forgery).
"""

import ipaddress
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST_URL = 500
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be called: whom to name to it, and which path to ask."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


class NotAllowed(Exception):
    """The address may not be called; the message is a stable slug."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The operator's rules: `hosts` may be called (a name, or name:port where the port is not 443), `private` of them
    also at private addresses; `local` allows http to this machine, for development."""

    hosts: frozenset[str]
    private: frozenset[str] = frozenset()
    local: bool = False

    def read(self, url: str) -> Target:
        """The target of this URL. Raises `NotAllowed`: `malformed`, `not-https`, `host`."""
        try:
            parts = urllib.parse.urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise NotAllowed("malformed") from error
        host = (parts.hostname or "").lower()
        plain = url.isascii() and url.isprintable() and not set(url) & set(' "<>\\^`{|}') and len(url) <= _LONGEST_URL
        if not plain or not host or port == 0 or "@" in parts.netloc or "#" in url or host.endswith("."):
            raise NotAllowed("malformed")
        if parts.scheme != "https" and not (parts.scheme == "http" and self.local and host in _LOCAL):
            raise NotAllowed("not-https")
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target = Target(parts.scheme, host, port or _PORTS[parts.scheme], path)
        if not self.allows(target):
            raise NotAllowed("host")
        return target

    def allows(self, target: Target) -> bool:
        """Whether the operator listed this host and port."""
        if self.local and target.host in _LOCAL:
            return True
        name = target.host if target.port == 443 else f"{target.host}:{target.port}"
        return name in self.hosts

    def choose(self, target: Target, addresses: Sequence[str]) -> str:
        """The address to connect to, of those that the host's name has. Raises `NotAllowed`: `unresolvable`, or
        `private-address` if any of them is not of the public Internet and the host is not listed for that."""
        if not addresses:
            raise NotAllowed("unresolvable")
        free = target.host in self.private or (self.local and target.host in _LOCAL)
        if not free and not all(is_public(address) for address in addresses):
            raise NotAllowed("private-address")
        return addresses[0]


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public Internet; what carries another address inside is judged by that."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(str(address.ipv4_mapped))
        if address.sixtofour is not None or address.teredo is not None or address in _TRANSLATED:
            return False
    return address.is_global and not address.is_multicast


_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address behind a translator
