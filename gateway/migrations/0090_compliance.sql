-- What filing compliance counts, derived from each revision of a premium by the database itself and in the same
-- transaction: which clauses, signed when, and what became of rules FL-1 to FL-7 (docs/oversight.md).

-- Seven letters, one for each of FL-1 to FL-7: failed, indeterminate, passed, or `-` where the rule did not run.
CREATE FUNCTION filing_outcomes(report jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    -- Of several answers to one rule the worst counts; f, i, p stand in that order.
    SELECT coalesce(min(said) FILTER (WHERE rule = 'filing.registered'), '-')
        || coalesce(min(said) FILTER (WHERE rule = 'filing.in-use-on-issue'), '-')
        || coalesce(min(said) FILTER (WHERE rule = 'filing.number-pending'), '-')
        || coalesce(min(said) FILTER (WHERE rule = 'filing.main-liability-clause'), '-')
        || coalesce(min(said) FILTER (WHERE rule = 'filing.registered-before-issue'), '-')
        || coalesce(min(said) FILTER (WHERE rule = 'filing.rate-in-band'), '-')
        || coalesce(min(said) FILTER (WHERE rule = 'filing.clause-text'), '-')
    FROM (SELECT one ->> 'rule' AS rule, left(one ->> 'outcome', 1) AS said
          FROM jsonb_path_query(report, '$.checks[*] ? (@.rule starts with "filing.")') AS one) AS answers
$$;

-- Why a rule does not pass of one clause: the reasons in order, with blanks between; empty if it passes, `-` if the rule
-- says nothing of the clause.
CREATE FUNCTION clause_reasons(answer jsonb, clause text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN count(*) = 0 THEN '-' ELSE coalesce(string_agg(DISTINCT one ->> 'reason', ' '), '') END
    FROM jsonb_array_elements(answer #> '{facts,clauses}') AS one WHERE one ->> 'registration_no' = clause
$$;

-- One row for each clause of a revision, the main clause of liability insurance first; one with an empty clause where
-- the revision states none. `registered` and `in_use` are what FL-1 and FL-2 find of this clause.
CREATE TABLE compliance_facts (
    position   bigint      NOT NULL,
    place      smallint    NOT NULL CHECK (place > 0),
    insurer    text        NOT NULL,
    policy_no  text        NOT NULL,
    revision   integer     NOT NULL,
    status     text        NOT NULL,
    known_at   timestamptz NOT NULL,
    line       text        NOT NULL,
    signed_on  date,
    outcomes   text        NOT NULL CHECK (outcomes ~ '^[fip-]{7}$'),
    clause     text        NOT NULL,
    registered text        NOT NULL,
    in_use     text        NOT NULL,
    PRIMARY KEY (position, place)
);

CREATE FUNCTION compliance_facts_of(revision premiums) RETURNS SETOF compliance_facts LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    whole      jsonb := convert_from(revision.body, 'UTF8')::jsonb;
    report     jsonb := whole -> 'report';
    policy     jsonb := whole -> 'policy';
    registered jsonb := jsonb_path_query_first(report, '$.checks[*] ? (@.rule == "filing.registered")');
    in_use     jsonb := jsonb_path_query_first(report, '$.checks[*] ? (@.rule == "filing.in-use-on-issue")');
    outcomes   text  := filing_outcomes(report);
BEGIN
    RETURN QUERY
    SELECT revision.position, (row_number() OVER (ORDER BY is_other, first, clause))::smallint, revision.insurer,
        revision.policy_no, revision.revision, revision.status, revision.known_at, coalesce(policy ->> 'line', ''),
        (policy ->> 'issued_on')::date, outcomes, named.clause,
        clause_reasons(registered, named.clause), clause_reasons(in_use, named.clause)
    FROM (
        SELECT clause, min(stated.place) AS first,
            CASE WHEN clause LIKE 'C______3091%' THEN 0 WHEN clause LIKE 'C______3__1%' THEN 1 ELSE 2 END AS is_other
        FROM jsonb_array_elements(CASE WHEN jsonb_array_length(policy -> 'clauses') > 0 THEN policy -> 'clauses'
                                       ELSE '[{}]' END) WITH ORDINALITY AS stated(one, place),
            LATERAL (SELECT coalesce(one ->> 'registration_no', '') AS clause) AS number
        GROUP BY clause
    ) AS named;
END
$$;

-- How many policies each day of knowledge added to, or took from, each kind of them: what is known at the end of a day is
-- the sum of all days up to it. `is_first` rows count every policy once.
CREATE TABLE compliance_days (
    known_on   date    NOT NULL,
    insurer    text    NOT NULL,
    line       text    NOT NULL,
    clause     text    NOT NULL,
    is_first   boolean NOT NULL,
    signed_on  date,
    status     text    NOT NULL,
    outcomes   text    NOT NULL,
    registered text    NOT NULL,
    in_use     text    NOT NULL,
    change     integer NOT NULL,
    UNIQUE NULLS NOT DISTINCT (clause, signed_on, insurer, known_on, line, is_first, status, outcomes, registered, in_use)
);
-- The same by months, each told by its first day: a tenth as many rows, for all that is not about single days.
CREATE TABLE compliance_months (LIKE compliance_days,
    UNIQUE NULLS NOT DISTINCT (clause, signed_on, insurer, known_on, line, is_first, status, outcomes, registered, in_use)
);

-- The revision counts from the day on which it is known, and from then on the one before it does not.
CREATE FUNCTION count_compliance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    days compliance_days[];
BEGIN
    SELECT array_agg(row(on_day, insurer, line, clause, is_first, signed_on, status, outcomes, registered, in_use, change
        )::compliance_days) INTO days
    FROM (
        SELECT (told.at AT TIME ZONE 'Asia/Shanghai')::date AS on_day, told.insurer, told.line, told.clause,
            told.place = 1 AS is_first, told.signed_on, told.status, told.outcomes, told.registered, told.in_use,
            sum(told.change) AS change
        FROM (
            SELECT added.known_at AS at, 1 AS change, added.* FROM added
            UNION ALL
            SELECT later.known_at, -1, earlier.* FROM (SELECT * FROM added WHERE place = 1 AND revision > 1) AS later
            JOIN compliance_facts earlier ON (earlier.insurer, earlier.policy_no) = (later.insurer, later.policy_no)
                AND earlier.revision = later.revision - 1
        ) AS told
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 HAVING sum(told.change) <> 0
    ) AS counted;
    -- Whoever appends revisions holds the head of the feed until commit, so that nobody waits for a row here.
    INSERT INTO compliance_days AS known SELECT * FROM unnest(days)
    ON CONFLICT (clause, signed_on, insurer, known_on, line, is_first, status, outcomes, registered, in_use)
        DO UPDATE SET change = known.change + EXCLUDED.change;
    INSERT INTO compliance_months AS known
    SELECT date_trunc('month', known_on)::date, insurer, line, clause, is_first, date_trunc('month', signed_on)::date,
        status, outcomes, registered, in_use, sum(change)
    FROM unnest(days) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 HAVING sum(change) <> 0
    ON CONFLICT (clause, signed_on, insurer, known_on, line, is_first, status, outcomes, registered, in_use)
        DO UPDATE SET change = known.change + EXCLUDED.change;
    RETURN NULL;
END
$$;
CREATE INDEX compliance_days_by_signing ON compliance_days (signed_on);
CREATE INDEX compliance_days_by_knowledge ON compliance_days (known_on);
-- Of the clauses of note all is in the index: they are few, and lie far apart.
CREATE INDEX compliance_days_unfiled ON compliance_days (insurer, clause, registered, signed_on)
    INCLUDE (known_on, change) WHERE registered <> '';
CREATE INDEX compliance_days_stopped ON compliance_days (insurer, clause, in_use, signed_on)
    INCLUDE (known_on, change) WHERE in_use <> '';

CREATE INDEX compliance_facts_by_policy ON compliance_facts (insurer, policy_no, revision);
CREATE INDEX compliance_facts_by_kind ON compliance_facts (insurer, clause, outcomes, policy_no);
CREATE INDEX compliance_facts_by_moment ON compliance_facts (known_at);
-- A clause is mostly of one insurer: who plans a query should not take them for independent.
CREATE STATISTICS compliance_facts_kinds (dependencies) ON insurer, clause, outcomes FROM compliance_facts;

CREATE TRIGGER counted AFTER INSERT ON compliance_facts
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_compliance();

CREATE FUNCTION derive_compliance_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO compliance_facts SELECT derived.* FROM added, LATERAL compliance_facts_of(added) AS derived;
    RETURN NULL;
END
$$;
-- What is there already, in parts: what each statement adds is summed up in memory.
DO $$
DECLARE
    beginning bigint := 0;
    ending    bigint := (SELECT max(position) FROM premiums);
BEGIN
    WHILE beginning <= ending LOOP
        INSERT INTO compliance_facts SELECT derived.* FROM premiums, LATERAL compliance_facts_of(premiums) AS derived
        WHERE premiums.position BETWEEN beginning AND beginning + 9999;
        beginning := beginning + 10000;
    END LOOP;
END
$$;
CREATE TRIGGER compliance AFTER INSERT ON premiums
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION derive_compliance_facts();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance_facts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_facts EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_delete BEFORE DELETE ON compliance_days FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_days EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_delete BEFORE DELETE ON compliance_months FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON compliance_months EXECUTE FUNCTION refuse_change();

-- Claims reported 赔付统计, few among all records.
CREATE INDEX records_claim_summaries ON records (insurer, seq) WHERE type = 'claim_summary';
