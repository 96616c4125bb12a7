-- Where each drug traceability code 药品追溯码 was delivered: one row a code and delivery record, in the order in which
-- they became known.
CREATE TABLE trace_code_uses (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code          text        NOT NULL,
    insurer       text        NOT NULL,
    policy_no     text,
    submission_id text        NOT NULL,
    delivered_on  date        NOT NULL,
    known_at      timestamptz NOT NULL
);
CREATE INDEX trace_code_uses_by_code ON trace_code_uses (code, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON trace_code_uses FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON trace_code_uses EXECUTE FUNCTION refuse_change();
