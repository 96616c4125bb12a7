"""What a running gateway holds: built once by `create_app`, handed to routes as a parameter, never a global."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapters.versions import Versions, known
from gateway.blobs.evidence import Evidence
from gateway.catalogue import Catalogue
from gateway.config import Config
from gateway.db import Pool
from gateway.participants import Participants
from signing.signer import Signer
from signing.trust import TrustStore


@dataclass(frozen=True, slots=True)
class Gateway:
    """Configuration, clock, keys and the immutable registries of one running service."""

    config: Config
    pool: Pool
    participants: Participants
    trust: TrustStore
    catalogue: Catalogue
    signer: Signer
    clock: Callable[[], datetime]
    started_at: datetime
    notes: list[str] = field(default_factory=list)
    versions: Versions = field(default_factory=known)
    sm2_signer: Signer | None = None
    evidence: Evidence = field(default_factory=Evidence)

    @property
    def log_signers(self) -> tuple[Signer, ...]:
        """Who signs checkpoints: the Ed25519 key that C2SP tlog-tiles asks for, and the SM2 key beside it, if any."""
        return (self.signer,) if self.sm2_signer is None else (self.signer, self.sm2_signer)

    @property
    def request_max_age(self) -> timedelta:
        """How old a request's signature may be."""
        return timedelta(seconds=self.config.request_max_age_seconds)
