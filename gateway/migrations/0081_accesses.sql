-- Who read whose records: one row a read by somebody else than the insurer whose records they are; of a list or a page one
-- row for each insurer in it, with how many of its records were told.
CREATE TABLE accesses (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL,
    participant text        NOT NULL,
    username    text,
    keyid       text,
    route       text        NOT NULL,
    insurer     text        NOT NULL,
    subject     text        NOT NULL,
    count       bigint      NOT NULL CHECK (count > 0),
    CONSTRAINT accesses_somebody CHECK (num_nulls(username, keyid) = 1),
    CONSTRAINT accesses_of_others CHECK (participant <> insurer)
);
CREATE INDEX accesses_by_insurer ON accesses (insurer, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON accesses FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON accesses EXECUTE FUNCTION refuse_change();
