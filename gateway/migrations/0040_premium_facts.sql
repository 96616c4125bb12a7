-- What a search over premiums needs, derived from each revision by the database itself and in the same transaction, so
-- that it cannot be forgotten and cannot differ: whoever has `premiums` can make this table again.

-- A name for comparison: NFKC, without white space, upper case. Only ever compared with what this function made.
CREATE FUNCTION folded_name(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT upper(regexp_replace(normalize(name, NFKC), '\s+', '', 'g'))
$$;

CREATE TABLE premium_facts (
    position     bigint      PRIMARY KEY,
    insurer      text        NOT NULL,
    policy_no    text        NOT NULL,
    revision     integer     NOT NULL,
    status       text        NOT NULL,
    known_at     timestamptz NOT NULL,
    holder_code  text,
    holder_name  text,
    region       text,
    approval_no  text,
    product_name text,
    starts_on    date,
    facts        jsonb       NOT NULL
);

-- Of a revision what an application can state, and what bears on it: far less than the revision and its report.
CREATE FUNCTION premium_facts_of(revision premiums) RETURNS premium_facts LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    whole  jsonb := convert_from(revision.body, 'UTF8')::jsonb;
    policy jsonb := whole -> 'policy';
    facts  premium_facts;
BEGIN
    facts.position     := revision.position;
    facts.insurer      := revision.insurer;
    facts.policy_no    := revision.policy_no;
    facts.revision     := revision.revision;
    facts.status       := revision.status;
    facts.known_at     := revision.known_at;
    facts.holder_code  := policy #>> '{policyholder,credit_code}';
    facts.holder_name  := folded_name(policy #>> '{policyholder,name}');
    facts.region       := policy #>> '{policyholder,region}';
    facts.approval_no  := policy #>> '{product,approval_no}';
    facts.product_name := folded_name(policy #>> '{product,generic_name}');
    facts.starts_on    := (policy #>> '{period,start}')::date;
    facts.facts := jsonb_strip_nulls(jsonb_build_object(
        'enterprise',         policy #> '{policyholder,name}',
        'credit_code',        policy #> '{policyholder,credit_code}',
        'region',             policy #> '{policyholder,region}',
        'product',            policy #> '{product,generic_name}',
        'trade_name',         policy #> '{product,trade_name}',
        'registration_class', policy #> '{product,registration_class}',
        'holder',             policy #> '{product,holder,name}',
        'holder_code',        policy #> '{product,holder,credit_code}',
        'manufacturer',       policy #> '{product,manufacturer,name}',
        'dosage_form',        policy #> '{product,dosage_form}',
        'specification',      policy #> '{product,specification}',
        'approval_no',        policy #> '{product,approval_no}',
        'approval_date',      policy #> '{product,approval_date}',
        'policy_no',          policy -> 'policy_no',
        'rate',               policy -> 'rate_percent',
        'gross',              policy #> '{premium,gross}',
        'start',              policy #> '{period,start}',
        'end',                policy #> '{period,end}',
        'coinsurance',        policy -> 'coinsurance',
        'money',              whole -> 'money',
        'impact',             whole -> 'impact',
        'schemes',            whole -> 'schemes',
        'refunds',            whole #> '{evidence,refunds}'
    ));
    RETURN facts;
END
$$;

CREATE FUNCTION derive_premium_facts() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    facts premium_facts := premium_facts_of(NEW);
BEGIN
    INSERT INTO premium_facts VALUES (facts.*);
    RETURN NULL;
END
$$;
INSERT INTO premium_facts SELECT derived.* FROM premiums, LATERAL premium_facts_of(premiums) AS derived;
CREATE TRIGGER facts AFTER INSERT ON premiums FOR EACH ROW EXECUTE FUNCTION derive_premium_facts();

CREATE INDEX premium_facts_by_policy ON premium_facts (policy_no, insurer, revision DESC);
CREATE INDEX premium_facts_by_holder ON premium_facts (holder_code) WHERE holder_code IS NOT NULL;
CREATE INDEX premium_facts_by_holder_name ON premium_facts (holder_name) WHERE holder_name IS NOT NULL;
CREATE INDEX premium_facts_by_approval ON premium_facts (approval_no) WHERE approval_no IS NOT NULL;
CREATE INDEX premium_facts_by_product ON premium_facts (product_name) WHERE product_name IS NOT NULL;
CREATE INDEX premium_facts_by_region ON premium_facts (region text_pattern_ops, starts_on) WHERE region IS NOT NULL;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON premium_facts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON premium_facts EXECUTE FUNCTION refuse_change();
