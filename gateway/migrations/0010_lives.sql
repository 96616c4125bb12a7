-- What is said about premiums beyond their own records: invoices that name several policies, awards, decisions,
-- directives; the journal of every premium's money; and what each revision was worth under each scheme.

-- An invoice or an award names its policies in a list; a red letter may name only the invoice that it cancels.
CREATE INDEX records_invoices_naming ON records USING gin ((record -> 'policy_nos')) WHERE type = 'invoice';
CREATE INDEX records_red_letters ON records ((record ->> 'red_letter_of'))
    WHERE type = 'invoice' AND record ->> 'red_letter_of' IS NOT NULL;
CREATE INDEX records_invoices_by_number ON records (number) WHERE type = 'invoice';
CREATE INDEX records_awards_naming ON records USING gin ((record -> 'policy_nos')) WHERE type = 'award';
CREATE INDEX records_decisions ON records (number, seq) WHERE type = 'decision';
CREATE INDEX records_directives ON records (seq) WHERE type = 'directive';
-- Insurers that share a risk report it under one number.
CREATE INDEX records_policies_by_number ON records (policy_no) WHERE type = 'policy';

-- A name as it is compared: NFKC, without white space, upper case.
CREATE FUNCTION folded(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN upper(regexp_replace(normalize(name, NFKC), '\s', '', 'g'));
CREATE INDEX records_policies_by_product ON records (folded(record -> 'product' ->> 'generic_name'))
    WHERE type = 'policy';
CREATE INDEX records_policies_by_approval ON records (folded(record -> 'product' ->> 'approval_no'))
    WHERE type = 'policy';
CREATE INDEX records_awards_by_product ON records (folded(record ->> 'product_key')) WHERE type = 'award';

-- What a revision was worth under each scheme, in yuan, by scheme; null where that is not decided.
ALTER TABLE premiums ADD COLUMN worth jsonb;

-- The journal: each movement of a premium's money, as double entry, in the order in which it became known. Nothing is
-- changed: what ceases to count is posted the other way round. `day` is when it was true, `known_at` when it was known.
CREATE TABLE movements (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    insurer    text        NOT NULL,
    policy_no  text        NOT NULL,
    revision   integer     NOT NULL,
    kind       text        NOT NULL CHECK (kind IN ('due', 'received', 'refunded', 'returned', 'written_off')),
    debit      text        NOT NULL,
    credit     text        NOT NULL,
    amount     numeric     NOT NULL CHECK (amount > 0), -- fen
    day        date        NOT NULL,
    known_at   timestamptz NOT NULL,
    source     text        NOT NULL, -- type and number of the record that says it
    reason     text        NOT NULL CHECK (reason IN ('told', 'no-longer-counts')),
    CHECK (debit <> credit),
    FOREIGN KEY (insurer, policy_no, revision) REFERENCES premiums (insurer, policy_no, revision)
);
CREATE INDEX movements_by_policy ON movements (insurer, policy_no, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON movements FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON movements EXECUTE FUNCTION refuse_change();
