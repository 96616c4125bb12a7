"""Who certifies whom in the sandbox: three hierarchies, a seal maker, and the papers of each insurer."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

from sandbox.authority import Authority, Certified, Revoked, Subject, root_authority, self_issued
from sandbox.insurers import Insurer, Papers, Participant, Profile, credit_code
from sandbox.keys import make_key
from sandbox.seals import Seal, make_seal
from sandbox.trust import write_trust


class Pki:
    """The authorities of one seed as they stand at the moment `at` (UTC, whole seconds)."""

    def __init__(self, seed: int, at: datetime) -> None:
        self.seed = seed
        self.at = at

    def insurer(self, profile: Profile, seal: str = "电子保单专用章") -> Insurer:
        code = credit_code(profile.organisation)
        seal_name = f"{profile.name}{seal}"
        years = {"current": (-2, 3), "expired": (-4, -1), "revoked": (-2, 3)}
        papers = {
            paper: self._papers(profile, code, seal_name, paper, first, last) for paper, (first, last) in years.items()
        }
        current = papers["current"].seal
        return Insurer(
            code=profile.code,
            name=profile.name,
            credit_code=code,
            company_code=profile.company_code,
            prefix=profile.prefix,
            dialect=profile.dialect,
            document_profile=profile.document_profile,
            document_format=profile.document_format,
            line=profile.line,
            seal_name=seal_name,
            seal_id=current.seal_id if current else None,
            request_key=make_key(self.seed, f"request/{profile.code}", profile.request_algorithm),
            papers=papers,
        )

    def participant(self, role: str, name: str, algorithm: str) -> Participant:
        return Participant(role, name, make_key(self.seed, f"request/{role}", algorithm))

    def stranger(self, owner: Insurer) -> Papers:
        """What a stranger can get hold of: the owner's seal with another key, or the owner's name on another key."""
        genuine = owner.papers["current"]
        not_before, not_after = genuine.holder.not_before, genuine.holder.not_after
        if genuine.seal is not None:
            key = make_key(self.seed, "stranger", "sm2-sm3")
            subject = Subject("示例贸易有限公司", f"SANDBOX@示例贸易有限公司@N{credit_code('MA2DEMX9')}@1")
            holder = self.sm2_ca.issue(key, subject, "stranger", not_before=not_before, not_after=not_after)
            return Papers(holder, genuine.seal)
        key = make_key(self.seed, f"stranger/{owner.code}", genuine.holder.key.algorithm)
        return Papers(
            self_issued(key, genuine.holder.subject, self.seed, not_before=not_before, not_after=not_after), None
        )

    def write_trust(self, path: Path, insurers: Sequence[Insurer], *, since: datetime | None = None) -> None:
        """Write the trust directory that believes these authorities, and knows the insurers by code and seal.

        With `since` its revocation lists are of that moment and name nobody: nobody knew anything yet.
        """
        write_trust(
            path,
            signers={"sm2-root": self._sm2_root, "rsa-root": self._rsa_root},
            seal_makers={"seal-root": self._seal_root},
            intermediates={"sm2-ca": self.sm2_ca, "rsa-ca": self.rsa_ca, "seal-ca": self._seal_ca},
            lists=self.revocation_lists(insurers, since=since),
            insurers=insurers,
        )

    def revocation_lists(self, insurers: Sequence[Insurer], *, since: datetime | None = None) -> dict[str, bytes]:
        """The revocation list of each authority, DER, an hour old, good for thirty days; or of `since`, and empty."""
        authorities = (*(self._sm2_root, self.sm2_ca, self._rsa_root, self.rsa_ca, self._seal_root, self._seal_ca),)
        return {
            authority.name: authority.revocation_list(
                1,
                this_update=since or self.at - timedelta(hours=1),
                next_update=self.at + timedelta(days=30),
                revoked=[
                    Revoked(papers.holder.serial, self.at - timedelta(days=90))
                    for papers in (one.papers["revoked"] for one in insurers)
                    if papers.holder.issuer == authority.name and since is None
                ],
            )
            for authority in authorities
        }

    def _papers(self, profile: Profile, code: str, seal_name: str, paper: str, first: int, last: int) -> Papers:
        not_before, not_after = self._years(first), self._years(last)
        serial = {"current": 2, "expired": 1, "revoked": 3}[paper]
        subject = Subject(profile.name, f"SANDBOX@{profile.name}@N{code}@{serial}", unit="电子保单")
        label = f"document/{profile.code}/{paper}"
        key = make_key(self.seed, label, profile.document_algorithm)
        authority = self.sm2_ca if profile.document_algorithm == "sm2-sm3" else self.rsa_ca
        holder = authority.issue(key, subject, label, not_before=not_before, not_after=not_after)
        if profile.document_format != "ofd":
            return Papers(holder, None)
        return Papers(holder, self._seal(profile, seal_name, holder, serial))

    def _seal(self, profile: Profile, seal_name: str, holder: Certified, serial: int) -> Seal:
        """A seal valid from its making, a month after the certificate's begin, to the certificate's end."""
        created = holder.not_before + timedelta(days=30)
        return make_seal(
            self._seal_maker,
            seal_id=f"33010000{profile.company_code}{serial:02d}",
            name=seal_name,
            holders=(holder.certificate,),
            created=created,
            valid_from=created,
            valid_to=holder.not_after,
        )

    def _years(self, count: int) -> datetime:
        return self.at + timedelta(days=365 * count)

    def _root(self, name: str, title: str, algorithm: str) -> Authority:
        subject = Subject("示例电子认证中心", f"示例{title}根证书")
        key = make_key(self.seed, f"authority/{name}", algorithm)
        return root_authority(key, subject, name, self.seed, not_before=self._years(-10), not_after=self._years(20))

    def _issuing(self, root: Authority, name: str, title: str, algorithm: str) -> Authority:
        subject = Subject("示例电子认证中心", f"示例{title}签发证书")
        key = make_key(self.seed, f"authority/{name}", algorithm)
        return root.subordinate(key, subject, name, not_before=self._years(-6), not_after=self._years(10))

    @cached_property
    def _sm2_root(self) -> Authority:
        return self._root("sm2-root", "国密", "sm2-sm3")

    @cached_property
    def sm2_ca(self) -> Authority:
        return self._issuing(self._sm2_root, "sm2-ca", "国密机构", "sm2-sm3")

    @cached_property
    def _rsa_root(self) -> Authority:
        return self._root("rsa-root", "通用", "rsa-v1_5-sha256")

    @cached_property
    def rsa_ca(self) -> Authority:
        return self._issuing(self._rsa_root, "rsa-ca", "通用机构", "rsa-v1_5-sha256")

    @cached_property
    def _seal_root(self) -> Authority:
        return self._root("seal-root", "印章", "sm2-sm3")

    @cached_property
    def _seal_ca(self) -> Authority:
        return self._issuing(self._seal_root, "seal-ca", "制章机构", "sm2-sm3")

    @cached_property
    def _seal_maker(self) -> Certified:
        key = make_key(self.seed, "seal-maker", "sm2-sm3")
        code = credit_code("MA2DEMY8")
        subject = Subject("示例电子印章有限公司", f"SANDBOX@示例电子印章有限公司@N{code}@1", unit="制章系统")
        return self._seal_ca.issue(key, subject, "seal-maker", not_before=self._years(-5), not_after=self._years(5))
