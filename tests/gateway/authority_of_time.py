"""A time-stamping authority on a port of this machine: it answers RFC 3161 queries, honestly or as it is told."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asn1crypto import core, tsp
from house import AT
from listening import Answer, Server, serve, whole

sys.path.insert(0, str(Path(__file__).parents[1] / "signing"))

from authority import Holder, issue, revocation_list, root
from pdf_maker import make_cms


@dataclass
class Authority:
    """Who stamps: its root, the certificate that it stamps with, and what its clock says."""

    top: Holder
    stamps: Holder
    clock: Callable[[], datetime] = lambda: AT
    serial: int = 0
    seen: list[bytes] = field(default_factory=list)

    def answer(self, query: bytes, **changes: Any) -> bytes:
        """The TimeStampResp to a query; `changes` spoil the statement, `status` the answer."""
        self.seen.append(query)
        asked = tsp.TimeStampReq.load(query)
        self.serial += 1
        status = changes.pop("status", 0)
        statement = {
            "version": "v1",
            "policy": "1.2.3.4.1",
            "message_imprint": asked["message_imprint"],
            "serial_number": self.serial,
            "gen_time": self.clock(),
            "nonce": asked["nonce"].native,
        } | changes
        info = tsp.TSTInfo({name: value for name, value in statement.items() if value is not None}).dump()
        token = make_cms(info, self.stamps, inside=info, kind="tst_info", signed_at=self.clock())
        content = core.Integer(status).dump()
        granted = b"\x30" + bytes([len(content)]) + content
        if status > 1:
            return b"\x30" + bytes([len(granted)]) + granted
        return b"\x30\x82" + len(granted + token).to_bytes(2, "big") + granted + token

    def trusted_in(self, folder: Path, *, this: datetime | None = None) -> None:
        """Its anchor and a fresh list in a trust folder."""
        day = this or AT - timedelta(days=1)
        name = self.top.subject.native["common_name"].replace(" ", "-")
        (folder / "tsa").mkdir(exist_ok=True)
        (folder / "tsa" / f"{name}.cer").write_bytes(self.top.certificate)
        listed = revocation_list(self.top, this=day, following=day + timedelta(days=4000))
        (folder / "crl" / f"{name}-{day:%Y%m%d}.crl").write_bytes(listed)


def authority(name: str, *, kind: str = "p256", end: datetime | None = None) -> Authority:
    """A new one."""
    top = root(f"Root {name}", kind=kind)
    more: dict[str, Any] = {"end": end} if end else {}
    return Authority(
        top, issue(f"Stamps {name}", top, kind=kind, extended=["time_stamping"], extended_critical=True, **more)
    )


def stamping(one: Authority, **changes: Any) -> Answer:
    """As a server answers."""

    def answer(connection: Any, request: bytes) -> None:
        head, _, body = request.partition(b"\r\n\r\n")
        assert b"content-type: application/timestamp-query" in head.lower()
        whole(one.answer(body, **changes), "Content-Type: application/timestamp-reply")(connection, request)

    return answer


@contextmanager
def listening(**answers: Answer) -> Iterator[Server]:
    """These answers below their names."""
    with serve() as server:
        server.answers |= {f"/{name}": one for name, one in answers.items()}
        yield server
