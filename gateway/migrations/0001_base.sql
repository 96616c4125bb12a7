-- Everything that is known is appended; nothing is changed or removed. The database itself refuses it.

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END
$$;

-- Sealed documents, content-addressed. One row for each insurer that handed the bytes in.
CREATE TABLE documents (
    digest      text        NOT NULL,
    insurer     text        NOT NULL,
    media_type  text        NOT NULL,
    size        bigint      NOT NULL,
    bytes       bytea       NOT NULL,
    received_at timestamptz NOT NULL,
    request     jsonb       NOT NULL,
    PRIMARY KEY (digest, insurer)
);

-- What was found in a document: the verdict on its seals, and the fields that its profile reads. One row a judgement.
CREATE TABLE document_verdicts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest       text        NOT NULL,
    insurer      text        NOT NULL,
    at           timestamptz NOT NULL,
    trust_digest text        NOT NULL,
    profile      text        NOT NULL,
    outcome      text        NOT NULL,
    kind         text,
    policy_no    text,
    verdict      jsonb       NOT NULL,
    FOREIGN KEY (digest, insurer) REFERENCES documents
);
CREATE INDEX document_verdicts_by_digest ON document_verdicts (insurer, digest, id DESC);
CREATE INDEX document_verdicts_by_policy ON document_verdicts (insurer, policy_no, id DESC) WHERE policy_no IS NOT NULL;

-- One message: its bytes as they came, the signature that proves who sent them, and the one final answer.
CREATE TABLE submissions (
    id           text        PRIMARY KEY,
    insurer      text        NOT NULL,
    message_id   text        NOT NULL,
    keyid        text        NOT NULL,
    nonce        text,
    received_at  timestamptz NOT NULL,
    content_type text        NOT NULL,
    body_digest  text        NOT NULL,
    body         bytea       NOT NULL,
    request      jsonb       NOT NULL,
    status       text        NOT NULL,
    receipt      bytea       NOT NULL,
    UNIQUE (insurer, message_id)
);
CREATE UNIQUE INDEX submissions_by_nonce ON submissions (keyid, nonce) WHERE nonce IS NOT NULL;
CREATE INDEX submissions_by_body ON submissions (insurer, body_digest);

-- The records that a message carried, each with where its fields came from and the verdict on it.
CREATE TABLE records (
    seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    submission_id text        NOT NULL REFERENCES submissions,
    insurer       text        NOT NULL,
    type          text        NOT NULL,
    policy_no     text,
    number        text,
    known_at      timestamptz NOT NULL,
    outcome       text        NOT NULL,
    record        jsonb       NOT NULL,
    lineage       jsonb       NOT NULL
);
CREATE INDEX records_by_policy ON records (insurer, policy_no, seq) WHERE policy_no IS NOT NULL;
CREATE INDEX records_by_number ON records (insurer, type, number, seq) WHERE type <> 'policy' AND number IS NOT NULL;
CREATE INDEX records_by_document ON records USING gin ((record -> 'documents') jsonb_path_ops)
    WHERE record -> 'documents' IS NOT NULL;

-- Verified premiums, revision by revision. `position` counts the feed without gaps, in commit order. `signature` tells
-- whether a next revision would be new; `net_paid` is what the subsidy may rest on: null where that is not decided.
CREATE TABLE premiums (
    position   bigint      PRIMARY KEY,
    insurer    text        NOT NULL,
    policy_no  text        NOT NULL,
    revision   integer     NOT NULL,
    status     text        NOT NULL,
    known_at   timestamptz NOT NULL,
    leaf_index bigint      NOT NULL,
    leaf_hash  text        NOT NULL,
    signature  text        NOT NULL,
    policy_submission text,
    net_paid   text,
    body       bytea       NOT NULL,
    UNIQUE (insurer, policy_no, revision)
);
CREATE TABLE feed_head (one boolean PRIMARY KEY DEFAULT true CHECK (one), count bigint NOT NULL);
INSERT INTO feed_head (count) VALUES (0);

CREATE FUNCTION feed_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.count <= OLD.count THEN
        RAISE EXCEPTION 'the feed does not shrink' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER grows BEFORE UPDATE ON feed_head FOR EACH ROW EXECUTE FUNCTION feed_grows();

-- At commit: every position that was taken has its revision, so that no transaction can leave a gap.
CREATE FUNCTION feed_is_gapless() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM premiums WHERE position >= OLD.count AND position < NEW.count) <> NEW.count - OLD.count THEN
        RAISE EXCEPTION 'positions % to % were taken and not all written', OLD.count, NEW.count - 1
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER gapless AFTER UPDATE ON feed_head
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION feed_is_gapless();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON migrations FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON migrations EXECUTE FUNCTION refuse_change();
CREATE TRIGGER one_row BEFORE INSERT OR DELETE ON feed_head FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON feed_head EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON documents FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON document_verdicts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON submissions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON records FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON premiums FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON documents EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON document_verdicts EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON submissions EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON records EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON premiums EXECUTE FUNCTION refuse_change();
