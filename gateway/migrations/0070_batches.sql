-- Batches: whole files of messages, kept as they came and worked off line by line.
CREATE TABLE batches (
    id          text        PRIMARY KEY,
    insurer     text        NOT NULL,
    digest      text        NOT NULL,
    content_type text       NOT NULL,
    size        bigint      NOT NULL CHECK (size > 0),
    message_id  text, -- of a file that is one message of a format without ids
    keyid       text        NOT NULL,
    nonce       text,
    received_at timestamptz NOT NULL,
    request     jsonb       NOT NULL, -- what proves who sent the file
    checks      jsonb       NOT NULL, -- of the request's signature
    UNIQUE (insurer, digest)
);
CREATE UNIQUE INDEX batches_by_nonce ON batches (keyid, nonce) WHERE nonce IS NOT NULL;

-- The file, 1 MiB a row.
CREATE TABLE batch_chunks (
    batch text    NOT NULL REFERENCES batches,
    place integer NOT NULL,
    bytes bytea   NOT NULL,
    PRIMARY KEY (batch, place)
);

-- What each line was told: its submission's receipt, or why there is none.
CREATE TABLE batch_results (
    batch         text   NOT NULL REFERENCES batches,
    line          bigint NOT NULL,
    status        text   NOT NULL CHECK (status IN ('verified', 'held', 'refused', 'conflict')),
    submission_id text   REFERENCES submissions,
    checks        jsonb,
    PRIMARY KEY (batch, line),
    CHECK (submission_id IS NOT NULL OR checks IS NOT NULL)
);

-- How far a batch is: `line` is the last one that was answered, `position` the byte at which the next one begins.
CREATE TABLE batch_progress (
    batch      text        PRIMARY KEY REFERENCES batches,
    line       bigint      NOT NULL DEFAULT 0,
    position   bigint      NOT NULL DEFAULT 0,
    verified   bigint      NOT NULL DEFAULT 0,
    held       bigint      NOT NULL DEFAULT 0,
    refused    bigint      NOT NULL DEFAULT 0,
    conflicts  bigint      NOT NULL DEFAULT 0,
    started_at timestamptz,
    ended_at   timestamptz
);
CREATE INDEX batch_progress_open ON batch_progress (batch) WHERE ended_at IS NULL;

CREATE FUNCTION batch_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.ended_at IS NOT NULL OR NEW.batch <> OLD.batch OR NEW.line < OLD.line OR NEW.position < OLD.position
        OR NEW.verified < OLD.verified OR NEW.held < OLD.held OR NEW.refused < OLD.refused
        OR NEW.conflicts < OLD.conflicts OR NEW.started_at IS DISTINCT FROM coalesce(OLD.started_at, NEW.started_at) THEN
        RAISE EXCEPTION 'a batch only goes on' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER goes_on BEFORE UPDATE ON batch_progress FOR EACH ROW EXECUTE FUNCTION batch_goes_on();
CREATE TRIGGER no_delete BEFORE DELETE ON batch_progress FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON batch_progress EXECUTE FUNCTION refuse_change();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON batches FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON batch_chunks FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON batch_results FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON batches EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON batch_chunks EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON batch_results EXECUTE FUNCTION refuse_change();
