"""What a document states counts only where a seal covers the part that states it."""

from datetime import UTC, datetime, timedelta

import pytest
from house import AT, registered_as, trust, world

from gateway.submissions.documents import as_judged, judge_document
from sandbox import ofd
from sandbox.sheets import policy_attachment, policy_sheet
from schemas.verification import Outcome

WHO = world().insurer("SANDBOX-A")
NAMESPACE = 'xmlns:ofd="http://www.ofdspec.org/2016"'


def parts() -> dict[str, bytes]:
    """An e-policy with an attachment and custom tags, before it is sealed."""
    facts = world().policy(WHO, 1)
    sheet = policy_sheet(WHO.document_profile, facts, WHO.name, WHO.seal_name)
    made = ofd.unsealed_parts(
        sheet, created=datetime(2026, 10, 1, tzinfo=UTC), attachments={"policy.xml": policy_attachment(facts)}
    )
    made["Doc_0/Document.xml"] = made["Doc_0/Document.xml"].replace(
        b"</ofd:Document>", b"<ofd:CustomTags>Tags/CustomTags.xml</ofd:CustomTags></ofd:Document>"
    )
    made["Doc_0/Tags/CustomTags.xml"] = (
        f"<ofd:CustomTags {NAMESPACE}><ofd:CustomTag>"
        "<ofd:FileLoc>Tag.xml</ofd:FileLoc></ofd:CustomTag></ofd:CustomTags>"
    ).encode()
    made["Doc_0/Tags/Tag.xml"] = (
        f"<ofd:Policy {NAMESPACE}><ofd:PolicyNo>"
        '<ofd:ObjectRef PageRef="3">14</ofd:ObjectRef></ofd:PolicyNo></ofd:Policy>'
    ).encode()
    return made


def judged_with_uncovered(*uncovered: str) -> tuple[Outcome, set[str]]:
    """The verdict on the e-policy whose seal covers all parts but these, and what it fails by."""
    whole = parts()
    assert set(uncovered) <= set(whole)
    papers = WHO.papers["current"]
    assert papers.seal is not None
    sealed = ofd.sealed_parts(
        {name: content for name, content in whole.items() if name not in uncovered},
        papers.seal,
        papers.holder,
        at=AT - timedelta(days=1),
    )
    document = ofd.write_ofd({**sealed, **{name: whole[name] for name in uncovered}})
    verdict = judge_document(document, WHO.media_type, registered_as(WHO.code), trust(), AT)
    judged = as_judged("x", verdict)
    assert not judged.problems
    return judged.outcome, {check.rule for check in judged.failing}


def test_a_document_that_is_covered_whole_passes() -> None:
    assert judged_with_uncovered() == (Outcome.PASSED, set())


@pytest.mark.parametrize(
    "part",
    [
        "Doc_0/Attachs/policy.xml",
        "Doc_0/Attachs/Attachments.xml",
        "Doc_0/Tags/Tag.xml",
        "Doc_0/Tags/CustomTags.xml",
        "Doc_0/Pages/Page_0/Content.xml",
        "Doc_0/Document.xml",
    ],
)
def test_whatever_states_something_outside_of_the_seal_fails_the_document(part: str) -> None:
    outcome, rules = judged_with_uncovered(part)
    assert outcome is Outcome.FAILED
    assert any(rule.endswith(("coverage", "covered", "extent")) for rule in rules), rules
