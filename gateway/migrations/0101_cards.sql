-- Report cards as they were issued: by default once for a period, so that the card of a month stays the card of that month. What is
-- not in this table is computed again whenever it is asked for, from rows that do not change.
CREATE TABLE cards (
    number    text        PRIMARY KEY,
    kind      text        NOT NULL CHECK (kind IN ('daily', 'monthly')),
    insurer   text        NOT NULL,
    period    date        NOT NULL, -- its first day
    as_of     timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    content   bytea       NOT NULL,
    UNIQUE (insurer, kind, period, as_of)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON cards FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON cards EXECUTE FUNCTION refuse_change();

-- What became known of an insurer in a period.
CREATE INDEX records_by_moment ON records (insurer, known_at);
CREATE INDEX premium_facts_by_moment ON premium_facts (insurer, known_at);
CREATE INDEX documents_by_moment ON documents (insurer, received_at);
