-- Judging everything again when what verdicts rest on has changed: how far each round came, in steps that are appended, so
-- that an interrupted round goes on where it was. `basis` names the registry, the trust folder and the rules.
CREATE TABLE recheck_steps (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    basis     text        NOT NULL,
    at        timestamptz NOT NULL,
    insurer   text        NOT NULL,
    policy_no text        NOT NULL,
    judged    integer     NOT NULL,
    changed   integer     NOT NULL,
    done      boolean     NOT NULL
);
CREATE INDEX recheck_steps_by_basis ON recheck_steps (basis, id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON recheck_steps FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON recheck_steps EXECUTE FUNCTION refuse_change();
