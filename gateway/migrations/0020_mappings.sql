-- Which version of a mapping reads an insurer's messages, from when on, and which two people said so.

-- What one operator proposes: the body as it came, by its digest, so that who approves it signs for these very bytes.
CREATE TABLE mapping_proposals (
    digest         text        PRIMARY KEY,
    insurer        text        NOT NULL,
    dialect        text        NOT NULL,
    version        text        NOT NULL,
    mapping_digest text        NOT NULL,
    active_from    timestamptz NOT NULL,
    proposed_at    timestamptz NOT NULL,
    participant    text        NOT NULL,
    keyid          text        NOT NULL,
    holder         text        NOT NULL,
    body           bytea       NOT NULL,
    request        jsonb       NOT NULL
);
CREATE INDEX mapping_proposals_by_insurer ON mapping_proposals (insurer, proposed_at);

-- What reads, from when on. Without a proposal: the version that the installation began with, in force until another
-- is. `mapping_digest` is that of the file: what was approved is what reads.
CREATE TABLE mapping_activations (
    id             bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    insurer        text        NOT NULL,
    dialect        text        NOT NULL,
    version        text        NOT NULL,
    mapping_digest text        NOT NULL,
    active_from    timestamptz NOT NULL,
    known_at       timestamptz NOT NULL,
    proposal       text        UNIQUE REFERENCES mapping_proposals,
    participant    text,
    keyid          text,
    holder         text,
    request        jsonb,
    leaf_index     bigint,
    CONSTRAINT mapping_activations_approved CHECK (num_nulls(proposal, participant, keyid, holder, request, leaf_index) IN (0, 6)),
    CONSTRAINT mapping_activations_ahead CHECK (proposal IS NULL OR active_from > known_at)
);
CREATE UNIQUE INDEX mapping_activations_installed ON mapping_activations (insurer, dialect) WHERE proposal IS NULL;

-- Which mapping read a message, also one that was refused; null where none does (awards, decisions). Messages from before
-- this column have none: their records' lineage says what read them, and they are not replayed.
ALTER TABLE submissions ADD COLUMN mapping text;
CREATE INDEX submissions_by_insurer ON submissions (insurer, received_at, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON mapping_proposals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON mapping_proposals EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON mapping_activations FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON mapping_activations EXECUTE FUNCTION refuse_change();
