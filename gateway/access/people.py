"""What one process knows of the people who call: users, their sessions, later keys. Built at the start."""

from dataclasses import dataclass
from datetime import timedelta

from gateway.access.keys import LaterKeys
from gateway.access.sessions import Limits, Sessions
from gateway.access.users import Users
from gateway.errors import Misconfigured
from gateway.state import Gateway


@dataclass(frozen=True, slots=True)
class People:
    """Users and sessions of one running service, and the keys that were let in later."""

    users: Users
    sessions: Sessions
    keys: LaterKeys


def people_of(gateway: Gateway) -> People:
    """The people of this gateway. Raises `Misconfigured` naming the entry of the users' file that cannot be used."""
    config = gateway.config
    users = Users(config.users)
    users.all()
    if config.oidc is not None:
        unknown = {code for code in config.oidc.allowed.values() if gateway.participants.find(code) is None}
        if unknown:
            raise Misconfigured(f"oidc.allowed: no such participant: {', '.join(sorted(unknown))}")
    limits = Limits(timedelta(hours=config.session_hours), timedelta(minutes=config.session_idle_minutes))
    return People(users, Sessions(users, gateway.participants, limits, config.oidc), LaterKeys(gateway.participants))
