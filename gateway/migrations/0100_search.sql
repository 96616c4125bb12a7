-- The latest state of each premium by what people search for, and the names that they search by. Both follow from
-- `premium_facts` by a trigger in the same transaction: they can be made again at any time, so they may change. Every index
-- begins with the insurer: what is found for one insurer costs the same whatever others have told.
CREATE TABLE premium_search (
    insurer     text COLLATE "C" NOT NULL,
    policy_no   text COLLATE "C" NOT NULL,
    position    bigint           NOT NULL,
    revision    integer          NOT NULL,
    status      text             NOT NULL,
    since       timestamptz      NOT NULL, -- since when it has this status without a break
    known_at    timestamptz      NOT NULL,
    enterprise  text COLLATE "C" NOT NULL, -- folded; empty where nothing is told
    credit_code text COLLATE "C",
    product     text COLLATE "C" NOT NULL, -- folded; empty where nothing is told
    approval_no text COLLATE "C",
    starts_on   date,
    PRIMARY KEY (insurer, policy_no)
) WITH (fillfactor = 85);

-- Every name that a premium of the insurer ever had, with the code that goes with it; empty where none is told.
CREATE TABLE search_names (
    insurer text COLLATE "C" NOT NULL,
    kind    text             NOT NULL CHECK (kind IN ('enterprise', 'product')),
    name    text COLLATE "C" NOT NULL,
    code    text COLLATE "C" NOT NULL,
    PRIMARY KEY (insurer, kind, name, code)
);

CREATE FUNCTION note_premium_search() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO premium_search AS s (insurer, policy_no, position, revision, status, since, known_at, enterprise,
        credit_code, product, approval_no, starts_on)
    VALUES (NEW.insurer, NEW.policy_no, NEW.position, NEW.revision, NEW.status, NEW.known_at, NEW.known_at,
        coalesce(NEW.holder_name, ''), NEW.holder_code, coalesce(NEW.product_name, ''), NEW.approval_no, NEW.starts_on)
    ON CONFLICT (insurer, policy_no) DO UPDATE SET
        position = EXCLUDED.position, revision = EXCLUDED.revision, status = EXCLUDED.status,
        since = CASE WHEN s.status = EXCLUDED.status THEN s.since ELSE EXCLUDED.since END,
        known_at = EXCLUDED.known_at, enterprise = EXCLUDED.enterprise, credit_code = EXCLUDED.credit_code,
        product = EXCLUDED.product, approval_no = EXCLUDED.approval_no, starts_on = EXCLUDED.starts_on
    WHERE s.revision < EXCLUDED.revision;
    INSERT INTO search_names (insurer, kind, name, code)
    VALUES (NEW.insurer, 'enterprise', coalesce(NEW.holder_name, ''), coalesce(NEW.holder_code, '')),
        (NEW.insurer, 'product', coalesce(NEW.product_name, ''), coalesce(NEW.approval_no, ''))
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

INSERT INTO premium_search (insurer, policy_no, position, revision, status, since, known_at, enterprise, credit_code,
    product, approval_no, starts_on)
SELECT f.insurer, f.policy_no, f.position, f.revision, f.status, (
        SELECT min(e.known_at) FROM premium_facts e WHERE e.insurer = f.insurer AND e.policy_no = f.policy_no
            AND e.revision > coalesce((SELECT max(o.revision) FROM premium_facts o WHERE o.insurer = f.insurer
                AND o.policy_no = f.policy_no AND o.status <> f.status), 0)),
    f.known_at, coalesce(f.holder_name, ''), f.holder_code, coalesce(f.product_name, ''), f.approval_no, f.starts_on
FROM (SELECT DISTINCT ON (insurer, policy_no) * FROM premium_facts ORDER BY insurer, policy_no, revision DESC) AS f;
INSERT INTO search_names (insurer, kind, name, code)
SELECT insurer, 'enterprise', coalesce(holder_name, ''), coalesce(holder_code, '') FROM premium_facts
UNION SELECT insurer, 'product', coalesce(product_name, ''), coalesce(approval_no, '') FROM premium_facts;

CREATE TRIGGER search AFTER INSERT ON premium_facts FOR EACH ROW EXECUTE FUNCTION note_premium_search();

CREATE INDEX premium_search_by_enterprise ON premium_search (insurer, enterprise, policy_no);
CREATE INDEX premium_search_by_product ON premium_search (insurer, product, policy_no);
CREATE INDEX premium_search_by_status ON premium_search (insurer, status, policy_no);

-- Revisions that changed what others may have relied on, of one insurer or of all, by when they became known.
CREATE INDEX premium_facts_impacts ON premium_facts (known_at, insurer, policy_no, revision) WHERE facts ? 'impact';
CREATE INDEX premium_facts_impacts_of ON premium_facts (insurer, known_at, policy_no, revision) WHERE facts ? 'impact';

CREATE INDEX submissions_by_status ON submissions (insurer, status, received_at, id);

CREATE TRIGGER no_truncate BEFORE TRUNCATE ON premium_search EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON search_names EXECUTE FUNCTION refuse_change();
