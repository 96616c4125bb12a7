-- Time-stamps of others on the log's checkpoints (RFC 3161, GB/T 20520), each over a statement that names the checkpoint
-- and the stamps before it, so that what an older one proves does not end with its authority's certificate.
CREATE TABLE log_timestamps (
    id         bigint      PRIMARY KEY, -- 1, 2, 3 … as they came: statements name the stamps before them by it
    authority  text        NOT NULL,
    digest     text        NOT NULL, -- the algorithm of the imprint: sha256, sha384, sha512, sm3
    checkpoint bigint      NOT NULL REFERENCES ledger_checkpoints,
    moment     timestamptz NOT NULL, -- as the authority states it
    lasts      timestamptz NOT NULL, -- until when its certificate and its algorithms do
    statement  bytea       NOT NULL,
    token      bytea       NOT NULL,
    known_at   timestamptz NOT NULL,
    leaf_index bigint      NOT NULL UNIQUE
);
CREATE INDEX log_timestamps_by_authority ON log_timestamps (authority, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON log_timestamps FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON log_timestamps EXECUTE FUNCTION refuse_change();
