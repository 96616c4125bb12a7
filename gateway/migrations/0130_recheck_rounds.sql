-- Judging everything again, by any number of processes on any number of machines: a round for each basis, in slices of the
-- order of insurer and policy number. Who judges a slice holds its row; that it is done commits with what was judged.
CREATE TABLE recheck_rounds (
    basis    text        PRIMARY KEY,
    begun_at timestamptz NOT NULL,
    premiums bigint      NOT NULL, -- when it began
    ended_at timestamptz
);

-- The premiums behind `after` up to `upto`, inclusive; the last slice of a round is open, without `upto`.
CREATE TABLE recheck_slices (
    basis           text    NOT NULL REFERENCES recheck_rounds,
    slice           integer NOT NULL,
    after_insurer   text    NOT NULL,
    after_policy_no text    NOT NULL,
    upto_insurer    text,
    upto_policy_no  text,
    premiums        integer NOT NULL, -- when the round began
    judged          integer,
    changed         integer,
    done_at         timestamptz,
    PRIMARY KEY (basis, slice),
    CHECK (num_nulls(judged, changed, done_at) IN (0, 3))
);
CREATE INDEX recheck_slices_open ON recheck_slices (basis, slice) WHERE done_at IS NULL;
CREATE INDEX recheck_slices_done ON recheck_slices (basis, done_at DESC) WHERE done_at IS NOT NULL;

CREATE FUNCTION recheck_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(OLD) - '{judged,changed,done_at,ended_at}'::text[] <> to_jsonb(NEW) - '{judged,changed,done_at,ended_at}'::text[]
        OR coalesce(to_jsonb(OLD) ->> 'done_at', to_jsonb(OLD) ->> 'ended_at') IS NOT NULL THEN
        RAISE EXCEPTION 'a slice is done once, a round ends once' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER goes_on BEFORE UPDATE ON recheck_rounds FOR EACH ROW EXECUTE FUNCTION recheck_goes_on();
CREATE TRIGGER goes_on BEFORE UPDATE ON recheck_slices FOR EACH ROW EXECUTE FUNCTION recheck_goes_on();
CREATE TRIGGER no_delete BEFORE DELETE ON recheck_rounds FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_delete BEFORE DELETE ON recheck_slices FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON recheck_rounds EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON recheck_slices EXECUTE FUNCTION refuse_change();

-- How far each round is. `per_second` is that of its last hundred slices; null before there are two.
CREATE VIEW recheck_progress AS
SELECT r.basis, r.begun_at, r.ended_at, greatest(r.premiums, s.passed) AS premiums, s.passed, s.judged, s.changed,
    s.slices, s.done, coalesce(s.last_at, r.begun_at) AS last_at, recent.per_second
FROM recheck_rounds r
CROSS JOIN LATERAL (
    SELECT count(*) AS slices, count(done_at) AS done, coalesce(sum(premiums) FILTER (WHERE done_at IS NOT NULL), 0)::bigint AS passed,
        coalesce(sum(judged), 0)::bigint AS judged, coalesce(sum(changed), 0)::bigint AS changed, max(done_at) AS last_at
    FROM recheck_slices WHERE basis = r.basis
) AS s
CROSS JOIN LATERAL (
    SELECT CASE WHEN max(done_at) > min(done_at) THEN
        (sum(judged) - (array_agg(judged ORDER BY done_at))[1]) / extract(epoch FROM max(done_at) - min(done_at)) END AS per_second
    FROM (SELECT judged, done_at FROM recheck_slices WHERE basis = r.basis AND done_at IS NOT NULL ORDER BY done_at DESC LIMIT 100) AS last
) AS recent;
