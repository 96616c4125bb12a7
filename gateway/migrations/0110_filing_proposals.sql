-- What regulators propose that a registry of clause filings states, who confirmed it, and what came of it. Only what became
-- effective stands in `filings`, with its file in `filing_files` and its leaf in the log.

-- `base` is the digest of what the registry stated when the differences were made: what is confirmed is what was shown.
-- `contents` is that of file, registry, day and base together; `id` commits to all of it, and to who proposed it when.
-- Without a key it is what a source answered, held for two people; `why` says what held it.
CREATE TABLE filing_proposals (
    seq         bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    id          text        PRIMARY KEY,
    contents    text        NOT NULL,
    registry    text        NOT NULL,
    as_of       date        NOT NULL,
    whole       boolean     NOT NULL,
    base        text        NOT NULL,
    stated      text        NOT NULL,
    count       integer     NOT NULL,
    counts      jsonb       NOT NULL,
    proposed_at timestamptz NOT NULL,
    participant text        NOT NULL,
    keyid       text,
    holder      text,
    source      text,
    why         jsonb,
    media_type  text        NOT NULL,
    digest      text        NOT NULL,
    bytes       bytea       NOT NULL,
    request     jsonb       NOT NULL,
    CONSTRAINT filing_proposals_signed CHECK (num_nulls(keyid, holder) = CASE WHEN source IS NULL THEN 0 ELSE 2 END)
);
CREATE INDEX filing_proposals_by_contents ON filing_proposals (contents);
CREATE INDEX filing_proposals_by_registry ON filing_proposals (registry, seq);

-- The differences as they were shown, one row for each registration number that changes.
CREATE TABLE filing_differences (
    proposal        text  NOT NULL REFERENCES filing_proposals,
    registration_no text  NOT NULL,
    difference      jsonb NOT NULL,
    PRIMARY KEY (proposal, registration_no)
);

-- Each person who confirmed: a person counts once.
CREATE TABLE filing_confirmations (
    proposal    text        NOT NULL REFERENCES filing_proposals,
    holder      text        NOT NULL,
    at          timestamptz NOT NULL,
    participant text        NOT NULL,
    keyid       text        NOT NULL,
    request     jsonb       NOT NULL,
    PRIMARY KEY (proposal, holder)
);

-- What came of a proposal; without a row it is open. A source's answer is superseded by its next one, by nobody's hand.
CREATE TABLE filing_proposal_ends (
    proposal    text        PRIMARY KEY REFERENCES filing_proposals,
    outcome     text        NOT NULL CHECK (outcome IN ('effective', 'withdrawn', 'superseded')),
    at          timestamptz NOT NULL,
    participant text,
    keyid       text,
    holder      text,
    request     jsonb,
    file        bigint      REFERENCES filing_files,
    leaf_index  bigint,
    CONSTRAINT filing_proposal_ends_signed
        CHECK (num_nulls(participant, keyid, holder, request) = CASE outcome WHEN 'superseded' THEN 4 ELSE 0 END),
    CONSTRAINT filing_proposal_ends_logged
        CHECK (num_nulls(file, leaf_index) = CASE outcome WHEN 'effective' THEN 0 ELSE 2 END)
);
CREATE INDEX filing_proposal_ends_by_file ON filing_proposal_ends (file);

-- How it went with each source that is polled. The one table here that changes: it says what happened last.
CREATE TABLE filing_polls (
    name         text        PRIMARY KEY,
    next_at      timestamptz NOT NULL,
    failures     integer     NOT NULL DEFAULT 0,
    last_success timestamptz,
    last_failure timestamptz,
    failure      jsonb,
    etag         text,
    base         text
);

-- By which a statement's leaf is found: few entries of the log are filings.
CREATE INDEX ledger_entries_of_filings ON ledger_entries (at) WHERE kind = 'filing';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON filing_proposals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON filing_differences FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON filing_confirmations FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON filing_proposal_ends FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON filing_proposals EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON filing_differences EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON filing_confirmations EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON filing_proposal_ends EXECUTE FUNCTION refuse_change();
