"""What a verification found, told: each step's title in both languages, and the whole as JSON."""

from typing import Any

from gateway.bundle.read import Bundle
from gateway.bundle.verify import Step, outcome_of

TITLES = {
    "files": ("文件与清单摘要一致", "files are those of the manifest"),
    "checkpoint": ("日志检查点签名", "the log signed the checkpoint"),
    "manifest": ("清单签名", "the log's key signed the manifest"),
    "inclusion": ("各条目在日志树中", "every leaf is in the tree"),
    "entries": ("条目与包内原件一致", "leaves and originals say the same"),
    "timestamps": ("时间戳", "time-stamps of others prove when the log was"),
    "requests": ("报文签名", "requests are signed by their senders"),
    "rules": ("规则目录", "the rules are those of this software"),
    "seals": ("电子签章重新核验", "seals judged again"),
    "lives": ("各版本逐字节重算", "every revision recomputed, byte for byte"),
}


def as_json(bundle: Bundle, steps: list[Step]) -> dict[str, Any]:
    """Of which premium and revision the bundle is, the outcome of all, and every step with what it found."""
    about = bundle.manifest
    return {
        "insurer": about.insurer,
        "policy_no": about.policy_no,
        "revision": about.revision,
        "outcome": outcome_of(steps).value,
        "steps": [step.as_json() for step in steps],
    }
