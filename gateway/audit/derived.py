"""What was derived, made once more from what it is derived from; and rows that no entry of the log speaks of."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.audit.impacts import IMPACTS
from gateway.audit.store import Snapshot, one, rows
from gateway.audit.told import added, reordered
from gateway.submissions.products import claim_of
from schemas.policy import Policy
from schemas.verification import Check, failed

# Of each table that the log speaks of: how many rows there are, and, if they are more, which nobody logged.
_LOGGED: Mapping[str, tuple[str, str]] = {
    "submissions": (
        "SELECT count(*) FROM submissions",
        "SELECT s.id FROM submissions s WHERE NOT EXISTS (SELECT FROM ledger_entries e WHERE e.kind IN "
        "('submission', 'award', 'decision', 'directive') "
        "AND convert_from(e.data, 'UTF8')::jsonb #>> '{body,submission_id}' = s.id)",
    ),
    "premiums": (
        "SELECT count(*) FROM premiums",
        "SELECT p.insurer || '/' || p.policy_no || '/' || p.revision FROM premiums p WHERE NOT EXISTS ("
        "SELECT FROM ledger_entries e CROSS JOIN LATERAL (SELECT convert_from(e.data, 'UTF8')::jsonb -> 'body' AS b) x "
        "WHERE e.index = p.leaf_index AND e.kind = 'premium' AND b ->> 'insurer' = p.insurer "
        "AND b ->> 'policy_no' = p.policy_no AND (b ->> 'revision')::int = p.revision)",
    ),
    "documents": (
        "SELECT count(*) FROM documents",
        "SELECT d.insurer || '/' || d.digest FROM documents d WHERE NOT EXISTS (SELECT FROM ledger_entries e "
        "WHERE e.kind = 'document' AND convert_from(e.data, 'UTF8')::jsonb #>> '{body,digest}' = d.digest "
        "AND convert_from(e.data, 'UTF8')::jsonb #>> '{body,insurer}' = d.insurer)",
    ),
    "filing_files": (
        "SELECT count(*) FROM filing_files",
        "SELECT f.id::text FROM filing_files f WHERE NOT EXISTS (SELECT FROM ledger_entries e WHERE e.kind = 'filing' "
        "AND e.at = f.received_at AND convert_from(e.data, 'UTF8')::jsonb #>> '{body,file}' = f.digest)",
    ),
    "registry_files": (
        "SELECT count(*) FROM registry_files",
        "SELECT f.id::text FROM registry_files f WHERE NOT EXISTS (SELECT FROM ledger_entries e "
        "WHERE e.kind = 'registry' AND e.at = f.received_at "
        "AND convert_from(e.data, 'UTF8')::jsonb #>> '{body,file}' = f.digest)",
    ),
    "mapping_activations": (
        "SELECT count(*) FROM mapping_activations WHERE proposal IS NOT NULL",
        "SELECT a.id::text FROM mapping_activations a WHERE a.proposal IS NOT NULL AND NOT EXISTS ("
        "SELECT FROM ledger_entries e WHERE e.index = a.leaf_index AND e.kind = 'mapping')",
    ),
    "erasures": (
        "SELECT count(*) FROM erasures",
        "SELECT r.document FROM erasures r WHERE NOT EXISTS (SELECT FROM ledger_entries e "
        "WHERE e.index = r.leaf_index AND e.kind = 'erasure')",
    ),
    "inquiry_steps": (
        "SELECT count(*) FROM inquiry_steps",
        "SELECT i.inquiry || '/' || i.place FROM inquiry_steps i WHERE NOT EXISTS (SELECT FROM ledger_entries e "
        "WHERE e.index = i.leaf_index AND e.kind = 'inquiry')",
    ),
    "log_timestamps": (
        "SELECT count(*) FROM log_timestamps",
        "SELECT t.id::text FROM log_timestamps t WHERE NOT EXISTS (SELECT FROM ledger_entries e "
        "WHERE e.index = t.leaf_index AND e.kind = 'timestamp')",
    ),
    "participant_keys": (
        "SELECT count(*) FROM participant_keys",
        "SELECT k.keyid FROM participant_keys k WHERE NOT EXISTS (SELECT FROM ledger_entries e "
        "WHERE e.index = k.leaf_index AND e.kind = 'participant-key') ORDER BY k.id",
    ),
    "key_events": (
        "SELECT count(*) FROM key_events",
        "SELECT k.id::text FROM key_events k WHERE NOT EXISTS (SELECT FROM ledger_entries e "
        "WHERE e.index = k.leaf_index AND e.kind = 'key')",
    ),
}

# Rows of which another row is the source, and it is not there.
_ORPHANS: Mapping[str, str] = {
    "records": "SELECT r.seq FROM records r WHERE NOT EXISTS (SELECT FROM submissions s WHERE s.id = r.submission_id)",
    "document_verdicts": "SELECT v.id FROM document_verdicts v WHERE NOT EXISTS (SELECT FROM documents d "
    "WHERE (d.digest, d.insurer) = (v.digest, v.insurer))",
    "movements": "SELECT m.id FROM movements m WHERE NOT EXISTS (SELECT FROM premiums p "
    "WHERE (p.insurer, p.policy_no, p.revision) = (m.insurer, m.policy_no, m.revision))",
    "filings": "SELECT f.id FROM filings f WHERE NOT EXISTS (SELECT FROM filing_files i WHERE i.id = f.file)",
    "filing_sources": "SELECT f.id FROM filing_sources f WHERE NOT EXISTS (SELECT FROM filing_files i "
    "WHERE i.id = f.file)",
    "registry_statements": "SELECT f.id FROM registry_statements f WHERE NOT EXISTS (SELECT FROM registry_files i "
    "WHERE i.id = f.file)",
    "registry_wholes": "SELECT f.id FROM registry_wholes f WHERE NOT EXISTS (SELECT FROM registry_files i "
    "WHERE i.id = f.file)",
}

# Which table, which of its rows, and what is wrong with it: what follows from the source is held against what is there.
_DERIVED: Mapping[str, str] = {
    **IMPACTS,
    "premium_facts": "SELECT coalesce(p.insurer, f.insurer) || '/' || coalesce(p.policy_no, f.policy_no) || '/' || "
    "coalesce(p.revision, f.revision), "
    "CASE WHEN f.position IS NULL THEN 'missing' WHEN p.position IS NULL THEN 'added' ELSE 'changed' END "
    "FROM (SELECT q.*, premium_facts_of(q.*) AS facts FROM premiums q) p FULL JOIN premium_facts f "
    "ON f.position = p.position WHERE p.facts IS DISTINCT FROM f",
    "compliance_facts": "WITH due AS (SELECT d.* FROM premiums p CROSS JOIN LATERAL compliance_facts_of(p.*) AS d) "
    "SELECT coalesce(due.insurer, f.insurer) || '/' || coalesce(due.policy_no, f.policy_no) || '/' || "
    "coalesce(due.revision, f.revision), "
    "CASE WHEN f.insurer IS NULL THEN 'missing' WHEN due.insurer IS NULL THEN 'added' ELSE 'changed' END "
    "FROM due FULL JOIN compliance_facts f ON (due.position, due.place) = (f.position, f.place) "
    "WHERE due.* IS DISTINCT FROM f.*",
    "compliance_days": "WITH told AS (SELECT f.known_at AS at, 1 AS change, f.* FROM compliance_facts f "
    "UNION ALL SELECT l.known_at, -1, e.* FROM compliance_facts l JOIN compliance_facts e ON "
    "(e.insurer, e.policy_no, e.revision) = (l.insurer, l.policy_no, l.revision - 1) WHERE l.place = 1), "
    "due AS (SELECT (at AT TIME ZONE 'Asia/Shanghai')::date, insurer, line, clause, place = 1, signed_on, status, "
    "outcomes, registered, in_use, sum(change) FROM told GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 "
    "HAVING sum(change) <> 0), there AS (SELECT * FROM compliance_days WHERE change <> 0) "
    "SELECT DISTINCT concat_ws('/', known_on, insurer, clause, signed_on), 'changed' FROM ("
    "(TABLE there EXCEPT TABLE due) UNION ALL (SELECT * FROM due EXCEPT TABLE there)) AS differing",
    "compliance_months": "WITH due AS (SELECT date_trunc('month', known_on)::date, insurer, line, clause, is_first, "
    "date_trunc('month', signed_on)::date, status, outcomes, registered, in_use, sum(change) FROM compliance_days "
    "GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 HAVING sum(change) <> 0), "
    "there AS (SELECT * FROM compliance_months WHERE change <> 0) "
    "SELECT DISTINCT concat_ws('/', known_on, insurer, clause, signed_on), 'changed' FROM ("
    "(TABLE there EXCEPT TABLE due) UNION ALL (SELECT * FROM due EXCEPT TABLE there)) AS differing",
    "exposure_facts": "WITH due AS (SELECT d.* FROM premiums p CROSS JOIN LATERAL exposure_facts_of(p.*) AS d) "
    "SELECT coalesce(due.insurer, f.insurer) || '/' || coalesce(due.policy_no, f.policy_no) || '/' || "
    "coalesce(due.revision, f.revision), "
    "CASE WHEN f.insurer IS NULL THEN 'missing' WHEN due.insurer IS NULL THEN 'added' ELSE 'changed' END "
    "FROM due FULL JOIN exposure_facts f ON due.position = f.position WHERE due.* IS DISTINCT FROM f.*",
    "exposure_months": "WITH told AS (SELECT f.known_at AS at, 1 AS change, f.* FROM exposure_facts f "
    "UNION ALL SELECT l.known_at, -1, e.* FROM exposure_facts l JOIN exposure_facts e ON "
    "(e.insurer, e.policy_no, e.revision) = (l.insurer, l.policy_no, l.revision - 1)), "
    "due AS (SELECT date_trunc('month', at AT TIME ZONE 'Asia/Shanghai')::date, insurer, clause, status, starts_on, "
    "ends_on, sum(change), sum(change * due), sum(change * coalesce(net, 0)), "
    "sum(CASE WHEN net IS NULL THEN change ELSE 0 END), sum(change * coalesce(base, 0)), "
    "sum(CASE WHEN base IS NULL THEN change ELSE 0 END), ends_on - starts_on + 1 FROM told "
    "GROUP BY 1, 2, 3, 4, 5, 6) "
    "SELECT DISTINCT concat_ws('/', known_on, insurer, clause, starts_on), 'changed' FROM ("
    "(TABLE exposure_months EXCEPT TABLE due) UNION ALL (SELECT * FROM due EXCEPT TABLE exposure_months)) AS differing",
    "day_records": "WITH told AS (SELECT r.seq, r.insurer, r.type, coalesce(r.number, md5(r.record::text)) AS key, "
    "r.known_at, business_day(r.type, r.record, r.known_at) AS day, business_amount(r.type, r.record) AS amount "
    "FROM records r WHERE r.outcome <> 'failed' AND r.type IN ('policy', 'endorsement', 'cancellation', "
    "'premium_receipt', 'premium_refund', 'invoice', 'delivery', 'claim_summary')), "
    "firsts AS (SELECT DISTINCT ON (insurer, type, key) * FROM told ORDER BY insurer, type, key, seq), "
    "due AS (SELECT seq, insurer, type, key, day, (count(*) OVER w)::int AS count, sum(amount) OVER w AS amount, "
    "max(known_at) OVER w AS known_at FROM firsts WINDOW w AS (PARTITION BY insurer, day, type ORDER BY seq)) "
    "SELECT coalesce(due.seq, d.seq)::text, "
    "CASE WHEN d.seq IS NULL THEN 'missing' WHEN due.seq IS NULL THEN 'added' ELSE 'changed' END "
    "FROM due FULL JOIN day_records d USING (seq) WHERE (due.insurer, due.type, due.key, due.day, due.count, "
    "due.amount, due.known_at) IS DISTINCT FROM (d.insurer, d.type, d.key, d.day, d.count, d.amount, d.known_at)",
    "premium_search": "WITH due AS (SELECT DISTINCT ON (insurer, policy_no) insurer, policy_no, position, revision, "
    "status, known_at, coalesce(holder_name, '') AS enterprise, holder_code, coalesce(product_name, '') AS product, "
    "approval_no, starts_on FROM premium_facts ORDER BY insurer, policy_no, revision DESC) "
    "SELECT coalesce(d.insurer, s.insurer) || '/' || coalesce(d.policy_no, s.policy_no), "
    "CASE WHEN s.insurer IS NULL THEN 'missing' WHEN d.insurer IS NULL THEN 'added' ELSE 'changed' END "
    "FROM due d FULL JOIN premium_search s ON s.insurer = d.insurer AND s.policy_no = d.policy_no "
    "WHERE (d.position, d.revision, d.status, d.known_at, d.enterprise, d.holder_code, d.product, d.approval_no, "
    "d.starts_on) IS DISTINCT FROM (s.position, s.revision, s.status, s.known_at, s.enterprise, s.credit_code, "
    "s.product, s.approval_no, s.starts_on)",
    "trace_code_uses": "WITH due AS (SELECT DISTINCT c.code, r.insurer, r.policy_no, r.submission_id, "
    "(r.record ->> 'delivered_on')::date AS delivered_on, r.known_at, r.seq FROM records r "
    "CROSS JOIN LATERAL jsonb_array_elements_text(r.record -> 'trace_codes') AS c(code) WHERE r.type = 'delivery' "
    "AND jsonb_typeof(r.record -> 'trace_codes') = 'array'), "
    "counted AS (SELECT code, insurer, policy_no, submission_id, delivered_on, known_at, count(*) FROM due "
    "GROUP BY 1, 2, 3, 4, 5, 6), "
    "there AS (SELECT code, insurer, policy_no, submission_id, delivered_on, known_at, count(*) FROM trace_code_uses "
    "GROUP BY 1, 2, 3, 4, 5, 6) "
    "SELECT submission_id || '/' || code, 'missing' FROM (TABLE counted EXCEPT TABLE there) m "
    "UNION ALL SELECT submission_id || '/' || code, 'added' FROM (TABLE there EXCEPT TABLE counted) a",
    # A movement is of a record of its premium, or of one of the same number at another insurer, on a day it states.
    "movements": "SELECT m.id::text, 'changed' FROM movements m WHERE NOT EXISTS (SELECT FROM records r "
    "WHERE r.policy_no = m.policy_no AND r.type = split_part(m.source, ' ', 1) "
    "AND coalesce(r.number, r.policy_no) = substr(m.source, length(r.type) + 2) AND m.day::text IN ("
    "r.record ->> 'issued_on', r.record #>> '{period,start}', r.record ->> 'effective_on', "
    "r.record ->> 'received_on', r.record ->> 'paid_on', (SELECT p.record #>> '{period,start}' FROM records p "
    "WHERE p.type = 'policy' AND p.policy_no = m.policy_no AND p.record #>> '{period,start}' = m.day::text LIMIT 1)))",
}
_CLAIMS = (
    "SELECT r.submission_id, r.insurer, r.record FROM records r WHERE r.type = 'policy' AND r.outcome <> 'failed' "
    "AND r.record #>> '{product,approval_no}' IS NOT NULL AND r.seq > %s ORDER BY r.seq LIMIT %s"
)


def judge_counts(connection: Snapshot, spoken_of: Mapping[str, int]) -> Iterator[Check]:
    """Of each table the log speaks of every row. `spoken_of` are the rows that were met from the log."""
    for table, (counting, finding) in _LOGGED.items():
        if one(connection, counting) != spoken_of.get(table, 0):
            found = rows(connection, finding)
            for (key,) in found:
                yield added(table, key)
            if not found:
                yield added(table, "several rows of one entry")
    for table, finding in _ORPHANS.items():
        for (key,) in rows(connection, finding):
            yield added(table, key)
    count = one(connection, "SELECT count(*) FROM premiums")
    head = one(connection, "SELECT count FROM feed_head")
    gap = one(
        connection,
        "SELECT min(place) FROM (SELECT position, row_number() OVER (ORDER BY position) - 1 AS place FROM premiums) n "
        "WHERE position <> place",
    )
    if head != count:
        yield failed("audit.rows", "changed", table="feed_head", key="count", told=head, there=count)
    if gap is not None:
        yield reordered("premiums", f"position {gap}")


def judge_derived(connection: Snapshot, table: str) -> Iterator[Check]:
    """What a table derives from others, made once more."""
    if table == "product_claims":
        yield from _judge_claims(connection)
        return
    for key, reason in rows(connection, _DERIVED[table]):
        yield _finding(table, key, reason)


DERIVED = (*_DERIVED, "product_claims")


def _finding(table: str, key: object, reason: str) -> Check:
    if reason == "missing":
        return failed("audit.derived", "missing", table=table, key=str(key))
    if reason == "added":
        return failed("audit.derived", "added", table=table, key=str(key))
    return failed("audit.derived", "changed", table=table, key=str(key))


def _judge_claims(connection: Snapshot) -> Iterator[Check]:
    """Each way of telling a product, once, with who told it first."""
    due: dict[tuple[str, ...], tuple[str, str]] = {}
    last, many = 0, 1000
    query = _CLAIMS.replace("SELECT r.submission_id", "SELECT r.seq, r.submission_id")
    while found := rows(connection, query, last, many):
        last = found[-1][0]
        for _, submission, insurer, record in found:
            claim = claim_of(Policy.model_validate(record))
            if claim is not None:
                due.setdefault(tuple(claim), (insurer, submission))
    there: dict[tuple[Any, ...], tuple[str, str]] = {
        row[:3]: (row[3], row[4])
        for row in rows(
            connection, "SELECT approval_no, approval_date, class, insurer, submission_id FROM product_claims"
        )
    }
    for told in sorted(due.keys() | there.keys()):
        reason = "missing" if told not in there else "added" if told not in due else "changed"
        if due.get(told) != there.get(told):
            yield _finding("product_claims", "/".join(told), reason)
