-- What an impact list needs, derived from records, verdicts and revisions by the database itself and in the same
-- transaction: which premiums rest on what, and where each of them stands. Narrow tables in the order of the list, so that
-- a cause is answered by reading its own rows and no others. Whoever has the sources can make all of it again.

-- Which rules a report names: few sets, each kept once. `id` is the MD5 of the rules with blanks between, a name only.
CREATE TABLE impact_rules (
    id    uuid   PRIMARY KEY,
    rules text[] NOT NULL
);
CREATE INDEX impact_rules_naming ON impact_rules USING gin (rules);

-- The rules that a revision names anywhere, each once, in order. The bytes are canonical JSON, so that a name stands
-- behind exactly these letters, and a text within a text has other ones.
CREATE FUNCTION rules_named(body bytea) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT split_part(piece, '"', 1) ORDER BY split_part(piece, '"', 1)), '{}')
    FROM string_to_table(convert_from(body, 'UTF8'), '"rule":"') WITH ORDINALITY AS told(piece, place) WHERE place > 1
$$;

-- Where each premium stands: its latest revision; and the amounts of the latest that decided any.
CREATE TABLE impact_standing (
    insurer   text COLLATE "C" NOT NULL,
    policy_no text COLLATE "C" NOT NULL,
    revision  integer          NOT NULL,
    status    text             NOT NULL,
    net_paid  text,
    worth     jsonb,
    rules     uuid             NOT NULL,
    PRIMARY KEY (insurer, policy_no)
) WITH (fillfactor = 90);
CREATE INDEX impact_standing_by_rules ON impact_standing (rules, insurer, policy_no);

CREATE FUNCTION note_impact_standing() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    named  text[] := rules_named(NEW.body);
    set_id uuid   := md5(array_to_string(named, ' '))::uuid;
BEGIN
    INSERT INTO impact_rules VALUES (set_id, named) ON CONFLICT DO NOTHING;
    INSERT INTO impact_standing AS s (insurer, policy_no, revision, status, net_paid, worth, rules)
    VALUES (NEW.insurer, NEW.policy_no, NEW.revision, NEW.status, NEW.net_paid, NEW.worth, set_id)
    ON CONFLICT (insurer, policy_no) DO UPDATE SET
        revision = EXCLUDED.revision, status = EXCLUDED.status, rules = EXCLUDED.rules,
        net_paid = coalesce(EXCLUDED.net_paid, s.net_paid),
        worth = CASE WHEN EXCLUDED.net_paid IS NULL THEN s.worth ELSE EXCLUDED.worth END
    WHERE s.revision < EXCLUDED.revision;
    RETURN NULL;
END
$$;

INSERT INTO impact_rules SELECT DISTINCT md5(array_to_string(named, ' '))::uuid, named
FROM premiums, LATERAL (SELECT rules_named(body) AS named) AS told;
INSERT INTO impact_standing
SELECT l.insurer, l.policy_no, l.revision, l.status, d.net_paid, d.worth,
    md5(array_to_string(rules_named(l.body), ' '))::uuid
FROM (SELECT DISTINCT ON (insurer, policy_no) * FROM premiums ORDER BY insurer, policy_no, revision DESC) AS l
LEFT JOIN LATERAL (SELECT p.net_paid, p.worth FROM premiums p WHERE p.insurer = l.insurer AND p.policy_no = l.policy_no
    AND p.net_paid IS NOT NULL ORDER BY p.revision DESC LIMIT 1) AS d ON true;
CREATE TRIGGER impact AFTER INSERT ON premiums FOR EACH ROW EXECUTE FUNCTION note_impact_standing();

-- What a policy's records rest on: a clause by its registration number, a key by its id, a document by its digest.
CREATE TABLE impact_grounds (
    kind      text             NOT NULL CHECK (kind IN ('clause', 'key', 'document')),
    name      text COLLATE "C" NOT NULL,
    insurer   text COLLATE "C" NOT NULL,
    policy_no text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, name, insurer, policy_no)
);

-- Of a record with the key of its message. A record may name several policies instead of one, or beside it.
CREATE FUNCTION impact_grounds_of(told records, keyid text) RETURNS SETOF impact_grounds LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    about     text[] := CASE WHEN told.policy_no IS NULL THEN '{}' ELSE ARRAY[told.policy_no] END;
    named     jsonb  := told.record -> 'policy_nos';
    clauses   jsonb  := CASE WHEN told.type = 'policy' THEN told.record -> 'clauses' END;
    documents jsonb  := told.record -> 'documents';
BEGIN
    IF jsonb_typeof(named) = 'array' THEN
        about := ARRAY(SELECT unnest(about) UNION SELECT jsonb_array_elements_text(named));
    END IF;
    FOR place IN 1 .. cardinality(about) LOOP
        RETURN NEXT row('key', keyid, told.insurer, about[place])::impact_grounds;
        IF jsonb_typeof(clauses) = 'array' THEN
            FOR number IN 0 .. jsonb_array_length(clauses) - 1 LOOP
                IF clauses -> number ->> 'registration_no' IS NOT NULL THEN
                    RETURN NEXT row('clause', clauses -> number ->> 'registration_no', told.insurer, about[place]
                        )::impact_grounds;
                END IF;
            END LOOP;
        END IF;
        IF jsonb_typeof(documents) = 'array' THEN
            FOR number IN 0 .. jsonb_array_length(documents) - 1 LOOP
                IF documents -> number ->> 'digest' IS NOT NULL THEN
                    RETURN NEXT row('document', documents -> number ->> 'digest', told.insurer, about[place]
                        )::impact_grounds;
                END IF;
            END LOOP;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION note_impact_grounds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO impact_grounds
    SELECT g.* FROM added a JOIN submissions s ON s.id = a.submission_id, LATERAL impact_grounds_of(a, s.keyid) g
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

-- Whose certificate sealed a document, and who issued it: of every verdict on it; and the policy that the document states.
CREATE TABLE impact_signers (
    kind      text             NOT NULL CHECK (kind IN ('certificate', 'issuer')),
    name      text COLLATE "C" NOT NULL,
    insurer   text COLLATE "C" NOT NULL,
    digest    text COLLATE "C" NOT NULL,
    policy_no text COLLATE "C" NOT NULL, -- empty where it states none
    PRIMARY KEY (kind, name, insurer, digest, policy_no)
);

CREATE FUNCTION impact_signers_of(told document_verdicts) RETURNS SETOF impact_signers LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    seals  jsonb := told.verdict #> '{report,seals}';
    signer jsonb;
BEGIN
    IF jsonb_typeof(seals) = 'array' THEN
        FOR number IN 0 .. jsonb_array_length(seals) - 1 LOOP
            signer := seals -> number -> 'signer';
            IF signer ->> 'serial' IS NOT NULL THEN
                RETURN NEXT row('certificate', signer ->> 'serial', told.insurer, told.digest, coalesce(told.policy_no, '')
                    )::impact_signers;
            END IF;
            IF signer ->> 'issuer' IS NOT NULL THEN
                RETURN NEXT row('issuer', signer ->> 'issuer', told.insurer, told.digest, coalesce(told.policy_no, '')
                    )::impact_signers;
            END IF;
        END LOOP;
    END IF;
END
$$;

CREATE FUNCTION note_impact_signers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO impact_signers SELECT * FROM impact_signers_of(NEW) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

INSERT INTO impact_grounds
SELECT DISTINCT g.* FROM records r JOIN submissions s ON s.id = r.submission_id, LATERAL impact_grounds_of(r, s.keyid) g;
INSERT INTO impact_signers SELECT DISTINCT g.* FROM document_verdicts v, LATERAL impact_signers_of(v) g;
CREATE TRIGGER impact AFTER INSERT ON records
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION note_impact_grounds();
CREATE TRIGGER impact AFTER INSERT ON document_verdicts FOR EACH ROW EXECUTE FUNCTION note_impact_signers();

-- These were read whole for each list, and were long to keep: what is asked of them is above.
DROP INDEX records_policies_by_clause;
DROP INDEX document_verdicts_by_seal;
DROP INDEX submissions_by_key;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON impact_rules FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON impact_grounds FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON impact_signers FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_delete BEFORE DELETE ON impact_standing FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON impact_rules EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON impact_grounds EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON impact_signers EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON impact_standing EXECUTE FUNCTION refuse_change();
