"""The premium's life once more, from the raw messages: what each revision comes to under the same rules.

The log says in which order everything became known. Each message is read anew and taken in as it was; at each revision
the premium is judged from what had come by then. What comes out has to be, byte for byte, what was logged.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson

from adapters.versions import known as known_mappings
from gateway.bundle.read import Bundle, Unreadable
from gateway.bundle.registries import identities_of, read_registries
from gateway.filing.registry import FilingRegistry
from gateway.mappings.in_force import Reader
from gateway.participants import Participant, Participants
from gateway.registries.check import Terms as RegistryTerms
from gateway.submissions.arrival import Arrival, number_of
from gateway.submissions.directives import check_not_suspended, in_effect
from gateway.submissions.documents import as_judged
from gateway.submissions.evidence import JudgedDocument
from gateway.submissions.gather import Gathered
from gateway.submissions.group import PolicyKey, group_of
from gateway.submissions.known import KnownRecord, PolicyState
from gateway.submissions.products import Claim
from gateway.submissions.read import read_message
from gateway.submissions.revision import take_revision
from gateway.submissions.take import take_record
from gateway.submissions.verdict import Basis, judge_premium
from schemas.canonical import canonical
from schemas.filing import Filing, Source
from schemas.party import folded
from schemas.premium import Decision, Directive
from schemas.verification import Outcome


@dataclass(frozen=True, slots=True)
class Recomputed:
    """One revision: as it was logged, and as it comes out now; `None` where nothing new would have been said.

    `unknown` says what is missing, where it cannot be told how it would come out.
    """

    insurer: str
    policy_no: str
    revision: int
    logged: bytes
    body: bytes | None
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class _Document:
    digest: str
    insurer: str
    received_at: datetime
    verdicts: tuple[tuple[datetime, JudgedDocument], ...]

    def at(self, moment: datetime) -> JudgedDocument:
        """The verdict on it that counted then."""
        found = [judged for since, judged in self.verdicts if since <= moment]
        return found[-1] if found else self.verdicts[0][1]


class Replay:
    """The life of the premiums of a bundle, told again."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._people = _people(bundle)
        self._registries = _filings(bundle)
        self._documents: list[_Document] = []
        self._others = [read_registries(bundle.json(path)) for path in bundle.below("registries")]
        revisions = [path.split("/") for path in bundle.below("premiums")]
        self.keys: list[PolicyKey] = sorted({(parts[1], parts[2]) for parts in revisions if len(parts) == 4})
        self.known = Gathered(states=self._states(), basis=self._basis(None))
        self.known.claims = {
            number: [Claim(*one) for one in ways] for number, ways in bundle.json("claims.json").items()
        }

    def _states(self) -> dict[PolicyKey, PolicyState]:
        states = {}
        for code, number in self.keys:
            owner = self._people.find(code)
            if owner is None:
                raise Unreadable(f"participants.json: {code} is missing")
            states[code, number] = PolicyState(owner, number)
        return states

    def _basis(self, at: datetime | None, filings: str | None = None) -> Basis:
        """The basis of a verdict at `at`; `filings` is the digest of the registry, where the log tells it."""
        settings = self._bundle.manifest.settings
        insurers = {}
        for one in self._people.insurers():
            insurers[folded(one.name)] = insurers[one.code] = one.code
        registry = FilingRegistry()
        for since, stated in self._registries:
            if filings == stated.digest or (filings is None and at is not None and since <= at):
                registry = stated
        return Basis(
            registry,
            int(settings["registry_max_age_days"]),
            str(settings["catalogue"]),
            str(settings["trust"]),
            tuple(settings["schemes"]),
            insurers=insurers,
            asked=RegistryTerms(int(settings["registry_max_age_days"]), tuple(settings["required_registries"])),
        )

    def run(self) -> Iterator[Recomputed]:
        """Every revision in the order of the log."""
        leaves = {one["index"]: orjson.loads(one["entry"]) for one in self._bundle.json("log/leaves.json")["leaves"]}
        logged = self._logged()
        entries = [entry for _, entry in sorted(leaves.items())]
        for place, entry in enumerate(entries):
            body = entry["body"]
            if entry["kind"] == "document":
                self._hand_in(body["insurer"], body["digest"])
            elif entry["kind"] == "premium":
                key = (body["insurer"], body["policy_no"])
                if key in self.known.states:
                    yield self._judge(key, int(body["revision"]), logged)
            elif "submission_id" in body:
                self._take(body["submission_id"], self._filings_after(entries[place + 1 : place + 2], logged))

    @staticmethod
    def _filings_after(following: Sequence[Any], logged: Mapping[tuple[str, str, int], bytes]) -> str | None:
        """The registry that a message was judged by, as the revision says that follows it in the log, if one does."""
        for entry in following:
            body = entry["body"]
            if entry["kind"] == "premium":
                original = logged.get((body["insurer"], body["policy_no"], int(body["revision"])))
                if original is not None:
                    return str(orjson.loads(original)["report"]["basis"]["filings"])
        return None

    def _logged(self) -> dict[tuple[str, str, int], bytes]:
        found = {}
        for path in self._bundle.below("premiums"):
            _, insurer, number, name = path.split("/")
            found[insurer, number, int(name.removesuffix(".json"))] = self._bundle.files[path]
        return found

    def _take(self, name: str, filings: str | None) -> None:
        """A message is received: read anew, and its records taken in as they were."""
        arrival = read_arrival(self._bundle, name, self._people)
        stopped = in_effect(self.known.directives, arrival.received_at)
        basis = replace(self._basis(arrival.received_at, filings), stopped=stopped)
        records = arrival.reading.records
        if arrival.insurer.role == "insurer" and records:
            types = {read.type for read in records}
            if check_not_suspended(arrival.insurer.code, types, stopped).outcome is Outcome.FAILED:
                for read in records:
                    for key in self.known.keys_of(arrival, read):
                        refused = KnownRecord(
                            name, arrival.keyid, read.type, number_of(arrival, read), read.noun, Outcome.FAILED
                        )
                        self.known.states[key].records.append(refused)
                return
        self._prepare(arrival)
        for read in records:
            take_record(arrival, read, self.known, basis)
            if isinstance(read.noun, Directive):
                self.known.directives.append((name, read.noun))

    def _prepare(self, arrival: Arrival) -> None:
        """What a decision looks at; the policies that an award may be about."""
        name = arrival.submission_id
        self.known.of_awards[name] = tuple(self.known.states)
        for read in arrival.reading.records:
            if isinstance(read.noun, Decision):
                for key in self.known.keys_of(arrival, read):
                    previous = self.known.states[key].previous
                    number = read.noun.revision or (previous.revision if previous else 0)
                    body = self._bundle.files.get(f"premiums/{key[0]}/{key[1]}/{number:06d}.json")
                    if body is not None and previous is not None and number <= previous.revision:
                        self.known.looked_at[name] = body

    def _hand_in(self, insurer: str, digest: str) -> None:
        place = f"documents/{digest.removeprefix('sha256:')}-{insurer}/document.json"
        if place not in self._bundle.files:
            return
        self._documents.append(_document(self._bundle.json(place)))

    def _judge(self, key: PolicyKey, number: int, logged: Mapping[tuple[str, str, int], bytes]) -> Recomputed:
        original = logged.get((*key, number))
        if original is None:
            raise Unreadable(f"premiums/{key[0]}/{key[1]}: revision {number} is missing")
        report = orjson.loads(original)["report"]
        at = datetime.fromisoformat(report["at"])
        for one in self.known.states.values():
            mine = [document for document in self._documents if document.insurer == one.insurer.code]
            mine.sort(key=lambda document: (document.received_at, document.digest))
            one.documents = {document.digest: document.at(at) for document in mine}
        state = self.known.states[key]
        state.group = group_of(state, self.known.states)
        stopped = in_effect(self.known.directives, at)
        recorded = report["basis"]
        basis = replace(self._basis(at, recorded["filings"]), stopped=stopped)
        # The software's own rules and the trust folder are steps of their own; here they are as they were then.
        basis = replace(basis, catalogue=recorded["catalogue"], trust=recorded["trust"])
        wanted, unknown = identities_of(report), ""
        if wanted:
            found = [registries for identities, registries in self._others if identities == wanted]
            unknown = "" if found else f"what {', '.join(sorted(wanted))} stated then is not in the bundle"
            basis = replace(basis, registries=found[0]) if found else basis
        revision = take_revision(state, judge_premium(state, basis, at))
        return Recomputed(*key, number, original, revision.body if revision else None, unknown)


def _document(plain: Mapping[str, Any]) -> _Document:
    verdicts = tuple(
        (datetime.fromisoformat(one["at"]), as_judged(plain["digest"], one["verdict"])) for one in plain["verdicts"]
    )
    return _Document(plain["digest"], plain["insurer"], datetime.fromisoformat(plain["received_at"]), verdicts)


def _people(bundle: Bundle) -> Participants:
    return Participants(Participant.model_validate(one) for one in bundle.json("participants.json"))


def _filings(bundle: Bundle) -> list[tuple[datetime, FilingRegistry]]:
    """What the registries stated of the insurers, by the moment since when, under the digest of all that they state."""
    found = []
    for path in bundle.below("filings"):
        plain = bundle.json(path)
        filings = [Filing.model_validate(one) for one in plain["filings"]]
        sources = [Source.model_validate(one) for one in plain["wholes"]]
        registry = FilingRegistry(filings, sources)
        registry.digest = plain["digest"]
        found.append((datetime.fromisoformat(plain["known_from"]), registry))
    return sorted(found, key=lambda one: one[0])


def read_arrival(bundle: Bundle, name: str, people: Participants) -> Arrival:
    """A message of the bundle as it arrived, read anew with the mapping that read it then. Raises `Unreadable`."""
    about = bundle.json(f"submissions/{name}/message.json")
    body = bundle.files.get(f"submissions/{name}/body")
    sender = people.find(about["insurer"])
    if body is None or sender is None:
        raise Unreadable(f"submissions/{name}: not complete")
    media_type = about["content_type"].split(";")[0].strip().lower()
    return Arrival(
        insurer=sender,
        message_id=about["message_id"],
        body=body,
        content_type=about["content_type"],
        received_at=datetime.fromisoformat(about["received_at"]),
        keyid=about["keyid"],
        nonce=None,
        may_repeat=False,
        proof=about["request"],
        request_checks=(),
        reading=read_message(body, media_type, sender, _reader(about["mapping"])),
    )


def _reader(mapping: str | None) -> Reader | None:
    """The version of the mapping that read the message; `None` if this software does not have it, or none was used."""
    if mapping is None:
        return None
    code, _, version = mapping.rpartition("/")
    found = known_mappings().find(code, version)
    return Reader(found, known_mappings().digest(found)) if found else None


def differences(one: bytes, other: bytes) -> Sequence[str]:
    """Where two canonical JSON texts differ, as paths; a few."""
    return list(_paths(orjson.loads(one), orjson.loads(other), ""))[:10]


def _paths(one: Any, other: Any, place: str) -> Iterable[str]:
    if type(one) is not type(other):
        yield place or "/"
    elif isinstance(one, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from _paths(one.get(name), other.get(name), f"{place}/{name}")
    elif isinstance(one, list) and len(one) == len(other):
        for number, (mine, yours) in enumerate(zip(one, other, strict=True)):
            yield from _paths(mine, yours, f"{place}/{number}")
    elif canonical(one) != canonical(other):
        yield place or "/"
