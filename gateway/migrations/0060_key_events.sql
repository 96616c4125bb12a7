-- What was said about the gateway's own signing keys: when one ended, and why. Each has its leaf in the log, so that
-- nobody can claim later that a key ended sooner or later than was said.
CREATE TABLE key_events (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    keyid      text        NOT NULL,
    algorithm  text        NOT NULL,
    public_key text        NOT NULL, -- SPKI in base64
    event      text        NOT NULL CHECK (event IN ('ended')),
    at         timestamptz NOT NULL, -- from when on nothing signed by it is believed
    known_at   timestamptz NOT NULL,
    reason     text        NOT NULL CHECK (reason IN ('rotated', 'compromised')),
    leaf_index bigint      NOT NULL UNIQUE
);
CREATE INDEX key_events_by_key ON key_events (keyid, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON key_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON key_events EXECUTE FUNCTION refuse_change();
