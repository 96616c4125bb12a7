"""What an impact list is read from (migration 0140), made once more from records, verdicts and revisions.

Each query gives rows that are not as they should be: which, and `missing`, `added` or `changed`.
"""

from collections.abc import Mapping

IMPACTS: Mapping[str, str] = {
    "impact_standing": "WITH due AS (SELECT l.insurer, l.policy_no, l.revision, l.status, d.net_paid, d.worth, "
    "md5(array_to_string(rules_named(l.body), ' '))::uuid AS rules "
    "FROM (SELECT DISTINCT ON (insurer, policy_no) * FROM premiums ORDER BY insurer, policy_no, revision DESC) AS l "
    "LEFT JOIN LATERAL (SELECT p.net_paid, p.worth FROM premiums p WHERE p.insurer = l.insurer "
    "AND p.policy_no = l.policy_no AND p.net_paid IS NOT NULL ORDER BY p.revision DESC LIMIT 1) AS d ON true) "
    "SELECT coalesce(d.insurer, s.insurer) || '/' || coalesce(d.policy_no, s.policy_no), "
    "CASE WHEN s.insurer IS NULL THEN 'missing' WHEN d.insurer IS NULL THEN 'added' ELSE 'changed' END "
    "FROM due d FULL JOIN impact_standing s ON s.insurer = d.insurer AND s.policy_no = d.policy_no "
    "WHERE (d.insurer, d.revision, d.status, d.net_paid, d.worth, d.rules) "
    "IS DISTINCT FROM (s.insurer, s.revision, s.status, s.net_paid, s.worth, s.rules)",
    # A set of rules may have gone out of use; none may have another name, and none that is in use may be missing.
    "impact_rules": "SELECT id::text, 'changed' FROM impact_rules WHERE id <> md5(array_to_string(rules, ' '))::uuid "
    "UNION ALL SELECT DISTINCT s.rules::text, 'missing' FROM impact_standing s "
    "WHERE NOT EXISTS (SELECT FROM impact_rules r WHERE r.id = s.rules)",
    "impact_grounds": "WITH due AS (SELECT DISTINCT g.* FROM records r JOIN submissions s ON s.id = r.submission_id "
    "CROSS JOIN LATERAL impact_grounds_of(r.*, s.keyid) AS g) "
    "SELECT concat_ws('/', kind, name, insurer, policy_no), 'missing' "
    "FROM (TABLE due EXCEPT TABLE impact_grounds) AS m "
    "UNION ALL SELECT concat_ws('/', kind, name, insurer, policy_no), 'added' "
    "FROM (TABLE impact_grounds EXCEPT TABLE due) AS a",
    "impact_signers": "WITH due AS (SELECT DISTINCT g.* FROM document_verdicts v "
    "CROSS JOIN LATERAL impact_signers_of(v.*) AS g) "
    "SELECT concat_ws('/', kind, name, insurer, digest), 'missing' FROM (TABLE due EXCEPT TABLE impact_signers) AS m "
    "UNION ALL SELECT concat_ws('/', kind, name, insurer, digest), 'added' "
    "FROM (TABLE impact_signers EXCEPT TABLE due) AS a",
}
