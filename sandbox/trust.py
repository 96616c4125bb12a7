"""The trust directory 信任目录 of the sandbox, as CONTRACTS.md says it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.authority import Authority
from sandbox.insurers import Insurer
from sandbox.keys import pem

_POLICY = """\
# Strict: what cannot be decided does not pass.
interop_repair = false
allow_v5 = false
allow_unattributed_pdf = false
allow_test_certificates = false
require_key_usage = true
revocation = "require"
"""


def write_trust(
    path: Path,
    *,
    signers: Mapping[str, Authority],
    seal_makers: Mapping[str, Authority],
    intermediates: Mapping[str, Authority],
    lists: Mapping[str, bytes],
    insurers: Sequence[Insurer],
) -> None:
    """Write anchors, intermediates, lists, policy and owners below `path`, which is made if it is missing."""
    folders = {"signers": signers, "seal-makers": seal_makers, "intermediates": intermediates}
    for folder, authorities in folders.items():
        (path / folder).mkdir(parents=True, exist_ok=True)
        for name, authority in authorities.items():
            (path / folder / f"{name}.pem").write_bytes(pem("CERTIFICATE", authority.holder.certificate))
    (path / "crl").mkdir(exist_ok=True)
    for name, content in lists.items():
        (path / "crl" / f"{name}.crl").write_bytes(content)
    (path / "policy.toml").write_text(_POLICY, encoding="utf-8")
    (path / "owners.toml").write_text("\n".join(_owner(one) for one in insurers), encoding="utf-8")


def _owner(insurer: Insurer) -> str:
    lines = [
        "[[owner]]",
        f'insurer = "{insurer.code}"',
        f'credit_code = "{insurer.credit_code}"',
        f'names = ["{insurer.name}"]',
    ]
    seals = [papers.seal.seal_id for papers in insurer.papers.values() if papers.seal is not None]
    if seals:
        lines.append("seal_ids = [" + ", ".join(f'"{seal}"' for seal in seals) + "]")
    return "\n".join(lines) + "\n"
