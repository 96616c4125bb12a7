"""What an operator of the console decides: where the gateway is, what people type to reach us, who signs them in."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider that people sign in with: its issuer, and what it knows this console by."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str = "OpenID Connect"


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A person of the sandbox, whose password everybody may know."""

    user: str
    password: str
    display_name: str
    role: str


@dataclass(frozen=True, slots=True)
class Settings:
    """`gateway_url` is where the console reaches the gateway; `public_url` the address that people type, which cookies
    and redirects go by. `demo_users` and `demo_keys` exist in a sandbox only."""

    gateway_url: str
    public_url: str
    provider: Provider | None = None
    demo_users: tuple[DemoUser, ...] = ()
    demo_keys: Path | None = None

    @property
    def is_https(self) -> bool:
        """Whether cookies may be kept from plain HTTP."""
        return self.public_url.startswith("https://")
