-- What the authorities' registries state beside filings: product archive 品种档案, credit archive 信用档案, awards of sister
-- schemes, products recommended for hospitals. As with filings: a new statement supersedes the earlier one of the same
-- source and key from `known_from` on; what was known before stays answerable.

-- Each file that was handed over and taken, as it came, with the signature that proves who sent it.
CREATE TABLE registry_files (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    registry    text        NOT NULL,
    sender      text        NOT NULL,
    received_at timestamptz NOT NULL,
    media_type  text        NOT NULL,
    digest      text        NOT NULL,
    bytes       bytea       NOT NULL,
    request     jsonb       NOT NULL
);

-- `statement` is null where a whole statement of the source no longer contains the key.
CREATE TABLE registry_statements (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    registry   text        NOT NULL,
    source     text        NOT NULL,
    key        text        NOT NULL,
    as_of      date        NOT NULL,
    known_from timestamptz NOT NULL,
    digest     text        NOT NULL,
    statement  jsonb,
    file       bigint      REFERENCES registry_files
);
CREATE INDEX registry_statements_by_key ON registry_statements (registry, key, source, id DESC);

-- Each time a source stated all that it has: as of which day, and the digest and count of what it stated then.
CREATE TABLE registry_wholes (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    registry   text        NOT NULL,
    source     text        NOT NULL,
    as_of      date        NOT NULL,
    known_from timestamptz NOT NULL,
    digest     text        NOT NULL,
    count      integer     NOT NULL,
    file       bigint      REFERENCES registry_files
);
CREATE INDEX registry_wholes_by_source ON registry_wholes (registry, source, id DESC);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON registry_files FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON registry_statements FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON registry_wholes FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON registry_files EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON registry_statements EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON registry_wholes EXECUTE FUNCTION refuse_change();
