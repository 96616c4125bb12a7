-- What registries of clause filings 条款备案 state, and since when it is known. A new statement supersedes the earlier one
-- of the same source and number from `known_from` on; what was known before stays answerable.

-- Each file that a regulator pushed and that was taken, as it came, with the signature that proves who sent it.
CREATE TABLE filing_files (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sender      text        NOT NULL,
    received_at timestamptz NOT NULL,
    media_type  text        NOT NULL,
    digest      text        NOT NULL,
    bytes       bytea       NOT NULL,
    request     jsonb       NOT NULL
);

-- `statement` is null where a whole statement of the source no longer contains the number. `digest` is that of the
-- statement without its source, so that the same statement read again is not a new one.
CREATE TABLE filings (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    registry        text        NOT NULL,
    registration_no text        NOT NULL,
    insurer         text        NOT NULL,
    known_from      timestamptz NOT NULL,
    digest          text        NOT NULL,
    statement       jsonb,
    source          jsonb       NOT NULL,
    file            bigint      REFERENCES filing_files
);
CREATE INDEX filings_by_number ON filings (registration_no, registry, id DESC);
CREATE INDEX filings_by_insurer ON filings (insurer, registration_no);
CREATE INDEX filings_by_registry ON filings (registry, registration_no, id DESC);

-- Each time a source stated all of its clauses: as of which day, and the digest and count of what it stated then.
CREATE TABLE filing_sources (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    registry   text        NOT NULL,
    as_of      date        NOT NULL,
    fetched_at timestamptz NOT NULL,
    known_from timestamptz NOT NULL,
    digest     text        NOT NULL,
    count      integer     NOT NULL,
    file       bigint      REFERENCES filing_files
);
CREATE INDEX filing_sources_by_registry ON filing_sources (registry, id DESC);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON filing_files FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON filings FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON filing_sources FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON filing_files EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON filings EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON filing_sources EXECUTE FUNCTION refuse_change();
