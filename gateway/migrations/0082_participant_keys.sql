-- Keys that participants asked for themselves, and which people let them in. Beside the participants' file: that one is
-- what the installation begins with.

-- What a participant asks for, signed by a key that it has: a certificate request (PKCS #10) as it came.
CREATE TABLE key_requests (
    id             text        PRIMARY KEY CHECK (id ~ '^K[0-9a-f]{32}$'),
    participant    text        NOT NULL,
    keyid          text        NOT NULL,
    algorithm      text        NOT NULL,
    public_key     text        NOT NULL, -- SPKI in base64
    holder         text,
    not_before     timestamptz,          -- null: as soon as it is let in
    replaces       text,                 -- a key of theirs that is to end,
    replaced_until timestamptz,          -- and when
    requested_at   timestamptz NOT NULL,
    requested_by   text        NOT NULL, -- the key that signed
    body           bytea       NOT NULL,
    request        jsonb       NOT NULL,
    CONSTRAINT key_requests_replaces CHECK ((replaces IS NULL) = (replaced_until IS NULL))
);
CREATE INDEX key_requests_by_participant ON key_requests (participant, requested_at);

-- One row a person who let it in.
CREATE TABLE key_approvals (
    request     text        NOT NULL REFERENCES key_requests,
    participant text        NOT NULL,
    keyid       text        NOT NULL,
    holder      text        NOT NULL,
    approved_at timestamptz NOT NULL,
    proof       jsonb       NOT NULL,
    PRIMARY KEY (request, holder)
);

-- What was let in, with its leaf in the log. `id` grows: who has seen the highest has seen all.
CREATE TABLE participant_keys (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request        text        NOT NULL UNIQUE REFERENCES key_requests,
    participant    text        NOT NULL,
    keyid          text        NOT NULL UNIQUE,
    algorithm      text        NOT NULL,
    public_key     text        NOT NULL UNIQUE,
    holder         text,
    not_before     timestamptz NOT NULL,
    replaces       text,
    replaced_until timestamptz,
    known_at       timestamptz NOT NULL,
    leaf_index     bigint      NOT NULL UNIQUE,
    CONSTRAINT participant_keys_ahead CHECK (not_before >= known_at)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON key_requests FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON key_requests EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON key_approvals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON key_approvals EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON participant_keys FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON participant_keys EXECUTE FUNCTION refuse_change();
