-- What a look-back at rates 费率回溯 needs of each revision, derived by the database itself in the same transaction: which
-- clause, over which days, for how much premium on which base. Amounts in fen.

CREATE TABLE exposure_facts (
    position  bigint      PRIMARY KEY,
    insurer   text        NOT NULL,
    policy_no text        NOT NULL,
    revision  integer     NOT NULL,
    status    text        NOT NULL,
    known_at  timestamptz NOT NULL,
    clause    text        NOT NULL, -- the only main clause of liability insurance, else empty
    starts_on date        NOT NULL,
    ends_on   date        NOT NULL,
    due       numeric     NOT NULL, -- with tax, after all changes and returns
    net       numeric,              -- without tax; null where the policy does not state it
    base      numeric,              -- what the rate is a percentage of; null where the policy does not state it
    UNIQUE (insurer, policy_no, revision)
);

CREATE FUNCTION exposure_facts_of(revision premiums) RETURNS SETOF exposure_facts LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    whole  jsonb   := convert_from(revision.body, 'UTF8')::jsonb;
    policy jsonb   := whole -> 'policy';
    due    numeric := replace(whole #>> '{money,due}', '.', '')::numeric;
    gross  numeric := replace(policy #>> '{premium,gross}', '.', '')::numeric;
    net    numeric := replace(policy #>> '{premium,net}', '.', '')::numeric;
    mains  text[];
BEGIN
    IF policy IS NULL OR due IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(DISTINCT one ->> 'registration_no') INTO mains
    FROM jsonb_array_elements(policy -> 'clauses') AS one WHERE one ->> 'registration_no' LIKE 'C______3091%';
    RETURN QUERY SELECT revision.position, revision.insurer, revision.policy_no, revision.revision, revision.status,
        revision.known_at, CASE WHEN array_length(mains, 1) = 1 THEN mains[1] ELSE '' END,
        (policy #>> '{period,start}')::date, (policy #>> '{period,end}')::date, due,
        -- A premium that was changed keeps the share of tax that it was signed with; to the fen, half up.
        CASE WHEN due = gross THEN net WHEN gross > 0 THEN round(due * net / gross) END,
        replace(policy #>> '{rate_base,amount}', '.', '')::numeric;
END
$$;

-- What each month of knowledge added to, or took from, policies of the same clause and days.
CREATE TABLE exposure_months (
    known_on     date    NOT NULL,
    insurer      text    NOT NULL,
    clause       text    NOT NULL,
    status       text    NOT NULL,
    starts_on    date    NOT NULL,
    ends_on      date    NOT NULL,
    policies     bigint  NOT NULL,
    due          numeric NOT NULL,
    net          numeric NOT NULL,
    without_net  bigint  NOT NULL,
    base         numeric NOT NULL,
    without_base bigint  NOT NULL,
    days         integer GENERATED ALWAYS AS (ends_on - starts_on + 1) STORED,
    UNIQUE (clause, insurer, starts_on, ends_on, status, known_on)
);

CREATE FUNCTION count_exposure() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever appends revisions holds the head of the feed until commit, so that nobody waits for a row here.
    INSERT INTO exposure_months AS known (known_on, insurer, clause, status, starts_on, ends_on, policies, due, net,
        without_net, base, without_base)
    SELECT date_trunc('month', told.at AT TIME ZONE 'Asia/Shanghai')::date, insurer, clause, status, starts_on, ends_on,
        sum(change), sum(change * due), sum(change * coalesce(net, 0)), sum(CASE WHEN net IS NULL THEN change ELSE 0 END),
        sum(change * coalesce(base, 0)), sum(CASE WHEN base IS NULL THEN change ELSE 0 END)
    FROM (
        SELECT added.known_at AS at, 1 AS change, added.* FROM added
        UNION ALL
        SELECT later.known_at, -1, earlier.* FROM added later
        JOIN exposure_facts earlier ON (earlier.insurer, earlier.policy_no) = (later.insurer, later.policy_no)
            AND earlier.revision = later.revision - 1
    ) AS told
    GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (clause, insurer, starts_on, ends_on, status, known_on) DO UPDATE SET
        policies = known.policies + EXCLUDED.policies, due = known.due + EXCLUDED.due, net = known.net + EXCLUDED.net,
        without_net = known.without_net + EXCLUDED.without_net, base = known.base + EXCLUDED.base,
        without_base = known.without_base + EXCLUDED.without_base;
    RETURN NULL;
END
$$;
CREATE INDEX exposure_facts_by_moment ON exposure_facts (known_at);
-- A clause is mostly of one insurer: who plans a query should not take them for independent.
CREATE STATISTICS exposure_months_kinds (ndistinct) ON insurer, clause, status, days FROM exposure_months;
CREATE INDEX exposure_months_by_days ON exposure_months (ends_on, starts_on);

CREATE TRIGGER counted AFTER INSERT ON exposure_facts
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_exposure();

CREATE FUNCTION derive_exposure_facts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO exposure_facts SELECT derived.* FROM added, LATERAL exposure_facts_of(added) AS derived;
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
        INSERT INTO exposure_facts SELECT derived.* FROM premiums, LATERAL exposure_facts_of(premiums) AS derived
        WHERE premiums.position BETWEEN beginning AND beginning + 9999;
        beginning := beginning + 10000;
    END LOOP;
END
$$;
CREATE TRIGGER exposure AFTER INSERT ON premiums
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION derive_exposure_facts();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON exposure_facts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON exposure_facts EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_delete BEFORE DELETE ON exposure_months FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON exposure_months EXECUTE FUNCTION refuse_change();
