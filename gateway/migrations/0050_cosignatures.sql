-- What witnesses signed about checkpoints (C2SP tlog-cosignature), collected after a checkpoint is published: one line of each
-- witness's key for a checkpoint, the first that came. The line is verified before it is written.

CREATE TABLE ledger_cosignatures (
    size   bigint NOT NULL REFERENCES ledger_checkpoints,
    name   text   NOT NULL,
    key_id bytea  NOT NULL CHECK (octet_length(key_id) = 4),
    at     bigint NOT NULL CHECK (at >= 0), -- POSIX seconds, as the witness states it
    line   text   NOT NULL CHECK (line LIKE '— %' AND right(line, 1) = E'\n'),
    PRIMARY KEY (name, key_id, size)
);
CREATE INDEX ledger_cosignatures_of_size ON ledger_cosignatures (size);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_cosignatures FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_cosignatures EXECUTE FUNCTION refuse_change();
