"""Sessions: what a person reads with. A session reads; it never acts, for an act is signed by a key."""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.access import delays, oidc, store
from gateway.access.passwords import LONGEST, Passwords
from gateway.access.provider import Provider
from gateway.access.store import Session
from gateway.access.users import User, Users
from gateway.config import OidcProvider
from gateway.db import Connection, Pool
from gateway.errors import Misconfigured
from gateway.participants import Participant, Participants
from gateway.problems import NotAuthenticated, Unavailable
from schemas.verification import Check, failed

PREFIX = "gws_"  # so that who looks for lost secrets finds one
_TOKEN = re.compile(PREFIX + r"[0-9A-Za-z_-]{43}")
_UNKNOWN_TOKEN = {"www-authenticate": 'Bearer error="invalid_token"'}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session lasts at most, and how long without being used."""

    longest: timedelta
    idle: timedelta


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session, who it is, and the participant whose data it reads. `token` is told once, when it begins."""

    session: Session
    user: User
    participant: Participant
    token: str | None = None


class Sessions:
    """The sessions of this gateway; they live in the database, so that every process knows them."""

    def __init__(
        self, users: Users, participants: Participants, limits: Limits, provider: OidcProvider | None = None
    ) -> None:
        self._oidc = provider
        self._provider = Provider(provider) if provider is not None else None
        self._users = users
        self._participants = participants
        self._limits = limits
        self._passwords = Passwords()

    async def sign_in(self, pool: Pool, name: str, password: str, address: str | None, at: datetime) -> SignedIn:
        """Begin a session by user name and password.

        Raises `NotAuthenticated`, which does not say what was wrong, `TooOften`, or `Unavailable`. No connection is
        held while the password is compared.
        """
        async with pool.connection() as connection:
            await delays.begin(connection, name, address, at)
        users = self._all()
        user = users.get(name)
        usable = user if user is not None and user.is_current(at) else None
        participant = self._participants.find(usable.participant) if usable is not None else None
        stored = usable.password_hash if usable is not None and participant is not None else None
        others = [one.password_hash for one in users.values() if one.password_hash is not None]
        agrees = await self._passwords.agrees(stored, password[: LONGEST + 1], others)
        if not agrees or usable is None or participant is None or len(password) > LONGEST:
            raise NotAuthenticated(checks=[failed("session.credentials", "wrong")])
        async with pool.connection() as connection:
            await delays.forgive(connection, name, address, at)
            return await self._begin(connection, "password", usable, participant, _credential(usable), at)

    async def sign_in_by_provider(
        self, pool: Pool, token: str, nonce: str, address: str | None, at: datetime
    ) -> SignedIn:
        """Begin a session by the identity provider's word on who it is. A token opens one session.

        Raises `NotAuthenticated` with what does not hold, `TooOften`, or `Unavailable`.
        """
        if self._oidc is None or self._provider is None:
            raise oidc.Refusal("no-provider")
        async with pool.connection() as connection:
            await delays.begin(connection, None, address, at)
        stated = await oidc.judge(token, nonce, self._provider, self._oidc, at)
        user = self._stated_user(stated, at)
        participant = self._participants.find(stated.participant)
        if user is None or participant is None:
            raise oidc.Refusal("user-ended")
        credential = oidc.credential_of(self._oidc.issuer, stated.value)
        async with pool.connection() as connection, connection.transaction():
            if not await store.use_id_token(connection, stated.digest, stated.expires_at, at):
                raise oidc.Refusal("replayed")
            await delays.forgive(connection, None, address, at)
            return await self._begin(connection, "oidc", user, participant, credential, at)

    async def _begin(
        self, connection: Connection, method: str, user: User, participant: Participant, credential: bytes, at: datetime
    ) -> SignedIn:
        """A new session of somebody who has shown who they are."""
        token = PREFIX + secrets.token_urlsafe(32)
        session = Session(
            digest=_digest(token),
            method=method,
            username=user.name,
            display_name=user.display_name,
            participant=participant.code,
            credential=credential,
            begun_at=at,
            seen_at=at,
            expires_at=at + self._limits.longest,
        )
        await store.insert_session(connection, session)
        return SignedIn(session, user, participant, token)

    async def find(self, connection: Connection, token: str, at: datetime) -> SignedIn:
        """Whose session this token is, at `at`; noted as used. Raises `NotAuthenticated` saying why it is none."""
        if not _TOKEN.fullmatch(token):
            raise _none(failed("session.current", "unknown"))
        session = await store.find_session(connection, _digest(token))
        if session is None:
            raise _none(failed("session.current", "unknown"))
        if session.ended_at is not None:
            raise _none(failed("session.current", "ended"))
        if not session.begun_at <= at + timedelta(minutes=5) or at >= session.expires_at:
            raise _none(failed("session.current", "expired"))
        if at - session.seen_at >= self._limits.idle:
            raise _none(failed("session.current", "idle"))
        user = self._known(session, at)
        participant = self._participants.find(session.participant)
        if user is None or participant is None:
            await store.end_session(connection, session.digest, at)
            raise _none(failed("session.current", "user-ended"))
        await store.see(connection, session, at)
        return SignedIn(session, user, participant)

    async def end(self, connection: Connection, session: Session, at: datetime) -> None:
        """Sign out."""
        await store.end_session(connection, session.digest, at)

    def _known(self, session: Session, at: datetime) -> User | None:
        """The user of a session, if they are still who they were: same participant, same password."""
        if session.method == "oidc":
            if not oidc.still_allowed(self._oidc, session.participant, session.credential):
                return None
            return self._person(session.username, session.display_name, session.participant, at)
        user = self._all().get(session.username)
        if user is None or not user.is_current(at) or user.participant != session.participant:
            return None
        return user if secrets.compare_digest(_credential(user), session.credential) else None

    def _stated_user(self, stated: oidc.Stated, at: datetime) -> User | None:
        return self._person(stated.subject, stated.display_name, stated.participant, at)

    def _person(self, name: str, display_name: str, participant: str, at: datetime) -> User | None:
        """Whom the provider names. An entry without a password under this name says with which keys they sign, and may
        end them; one with a password is somebody else, and does not count."""
        entry = self._all().get(name)
        if entry is None or entry.password_hash is not None:
            return User(name=name, display_name=display_name, participant=participant)
        return entry if entry.is_current(at) and entry.participant == participant else None

    def _all(self) -> Mapping[str, User]:
        try:
            return self._users.all()
        except Misconfigured as error:  # who was taken out may be the reason of the change: nobody is let in meanwhile
            raise Unavailable("the users cannot be read at this moment", headers={"retry-after": "30"}) from error


def _credential(user: User) -> bytes:
    return hashlib.sha256(f"password\x00{user.password_hash}".encode()).digest()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _none(check: Check) -> NotAuthenticated:
    return NotAuthenticated("this is no session", detail_zh="会话无效", checks=[check], headers=_UNKNOWN_TOKEN)
