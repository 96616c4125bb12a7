-- The transparency log: entries in the order of their commits, the full tiles over them, and the signed checkpoints.

-- The next leaf index. Its row lock is what makes indexes gapless and commit order index order: a transaction takes it
-- to reserve its indexes and keeps it until it ends. fillfactor leaves room for the row's next versions in its page.
CREATE TABLE ledger_head (
    one  boolean PRIMARY KEY DEFAULT true CHECK (one),
    size bigint  NOT NULL CHECK (size >= 0)
) WITH (fillfactor = 10);
INSERT INTO ledger_head (size) VALUES (0);

-- data is the canonical form of a schemas.log.Entry, at most what an entry bundle can hold. RFC 6962 section 2.1.
CREATE TABLE ledger_entries (
    index     bigint      PRIMARY KEY CHECK (index >= 0),
    leaf_hash bytea       NOT NULL CONSTRAINT ledger_entries_once UNIQUE,
    kind      text        NOT NULL,
    at        timestamptz NOT NULL,
    data      bytea       NOT NULL CHECK (octet_length(data) BETWEEN 1 AND 65535),
    CONSTRAINT ledger_entries_hashed CHECK (leaf_hash = sha256('\x00'::bytea || data))
);

-- Full tiles only; partial ones follow from the leaf hashes and from the roots of the tiles below them.
CREATE TABLE ledger_tiles (
    level  smallint NOT NULL CHECK (level BETWEEN 0 AND 7),
    index  bigint   NOT NULL CHECK (index >= 0),
    hashes bytea    NOT NULL CHECK (octet_length(hashes) = 8192),
    root   bytea    NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (level, index)
);

-- A chain: each checkpoint names the one that it extends, and only one can extend it. This is the compare-and-swap of
-- the publisher. A checkpoint cannot cover an entry that is not there.
CREATE TABLE ledger_checkpoints (
    size       bigint      PRIMARY KEY CHECK (size >= 0),
    previous   bigint      CONSTRAINT ledger_checkpoints_chain UNIQUE NULLS NOT DISTINCT REFERENCES ledger_checkpoints,
    root       bytea       NOT NULL CHECK (octet_length(root) = 32),
    at         timestamptz NOT NULL,
    note       bytea       NOT NULL,
    last_index bigint      GENERATED ALWAYS AS (nullif(size, 0) - 1) STORED REFERENCES ledger_entries,
    CHECK (previous < size)
);

CREATE FUNCTION ledger_head_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size <= OLD.size THEN
        RAISE EXCEPTION 'the log does not shrink' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER grows BEFORE UPDATE ON ledger_head FOR EACH ROW EXECUTE FUNCTION ledger_head_grows();

-- At commit: every reserved index has its entry, so that no transaction can leave a gap.
CREATE FUNCTION ledger_is_gapless() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM ledger_entries WHERE index >= OLD.size AND index < NEW.size) <> NEW.size - OLD.size THEN
        RAISE EXCEPTION 'leaves % to % were reserved and not all written', OLD.size, NEW.size - 1
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER gapless AFTER UPDATE ON ledger_head
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ledger_is_gapless();

CREATE TRIGGER one_row BEFORE INSERT OR DELETE ON ledger_head FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_head EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_entries FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_entries EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_tiles FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_tiles EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON ledger_checkpoints FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON ledger_checkpoints EXECUTE FUNCTION refuse_change();
