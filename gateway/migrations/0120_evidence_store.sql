-- The bytes of documents may stand in an evidence store instead of in their row, and may be erased by order. Whatever
-- becomes of the bytes, the row stays: digest, size, who handed them in, the request that proves it.

-- Where the bytes are: in `bytes`, or in a store under their digest, or nowhere, by order. `sm3` is their digest by the
-- other family of algorithms, of the documents that were handed in since there is this column.
ALTER TABLE documents ALTER COLUMN bytes DROP NOT NULL;
ALTER TABLE documents ADD COLUMN kept_in text CHECK (kept_in IN ('store', 'erased'));
ALTER TABLE documents ADD COLUMN sm3 text CHECK (sm3 ~ '^[0-9a-f]{64}$');
ALTER TABLE documents ADD CONSTRAINT documents_bytes_are_somewhere CHECK ((bytes IS NULL) = (kept_in IS NOT NULL));

-- Each time bytes went from a row to a store or back. The move and its row commit together: `transaction` says so.
CREATE TABLE document_moves (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    digest      text        NOT NULL,
    insurer     text        NOT NULL,
    moved_at    timestamptz NOT NULL,
    kept_in     text        NOT NULL CHECK (kept_in IN ('row', 'store')),
    transaction xid8        NOT NULL DEFAULT pg_current_xact_id(),
    FOREIGN KEY (digest, insurer) REFERENCES documents
);
CREATE INDEX document_moves_by_document ON document_moves (digest, insurer, id);

-- What one person states: the erasure of which document, on what ground, by which order. By the digest of the statement,
-- so that who agrees signs for this very one.
CREATE TABLE erasure_proposals (
    id          text        PRIMARY KEY,
    document    text        NOT NULL,
    ground      text        NOT NULL CHECK (ground IN ('order', 'retention')),
    order_no    text        NOT NULL CHECK (order_no <> ''),
    ordered_by  text        NOT NULL CHECK (ordered_by <> ''),
    ordered_on  date        NOT NULL,
    proposed_at timestamptz NOT NULL,
    participant text        NOT NULL,
    keyid       text        NOT NULL,
    holder      text        NOT NULL,
    request     jsonb       NOT NULL
);
CREATE INDEX erasure_proposals_by_document ON erasure_proposals (document, proposed_at);

-- What a second person agreed to: from then on the bytes are nobody's to read, and go.
CREATE TABLE erasures (
    document    text        PRIMARY KEY,
    proposal    text        NOT NULL UNIQUE REFERENCES erasure_proposals,
    erased_at   timestamptz NOT NULL,
    participant text        NOT NULL,
    keyid       text        NOT NULL,
    holder      text        NOT NULL,
    request     jsonb       NOT NULL,
    leaf_index  bigint      NOT NULL UNIQUE
);
CREATE INDEX erasures_by_moment ON erasures (erased_at, document);

CREATE FUNCTION erasure_has_two_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM erasure_proposals p WHERE p.id = NEW.proposal AND p.document = NEW.document
        AND p.keyid <> NEW.keyid AND p.holder <> NEW.holder) THEN
        RAISE EXCEPTION 'nothing is erased on one person''s word' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER two_people BEFORE INSERT ON erasures FOR EACH ROW EXECUTE FUNCTION erasure_has_two_people();

-- A document's row takes exactly these changes, and nothing else of it ever changes: its bytes go to a store, in the
-- transaction that says so; they come back, and are those of the digest; they are erased, by an erasure that stands.
-- What was erased is never taken in again.
CREATE FUNCTION document_bytes_go_as_recorded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.digest, NEW.insurer, NEW.media_type, NEW.size, NEW.received_at, NEW.request, NEW.sm3)
        IS NOT DISTINCT FROM (OLD.digest, OLD.insurer, OLD.media_type, OLD.size, OLD.received_at, OLD.request, OLD.sm3)
    THEN
        IF NEW.kept_in = 'store' AND OLD.bytes IS NOT NULL AND EXISTS (SELECT FROM document_moves m
            WHERE (m.digest, m.insurer, m.kept_in) = (NEW.digest, NEW.insurer, 'store')
            AND m.transaction = pg_current_xact_id()) THEN
            RETURN NEW;
        END IF;
        IF OLD.kept_in = 'store' AND NEW.bytes IS NOT NULL
            AND NEW.digest = 'sha256:' || encode(sha256(NEW.bytes), 'hex') THEN
            RETURN NEW;
        END IF;
        IF NEW.kept_in = 'erased' AND EXISTS (SELECT FROM erasures e WHERE e.document = NEW.digest) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'table % is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END
$$;
DROP TRIGGER append_only ON documents;
CREATE TRIGGER append_only BEFORE UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION document_bytes_go_as_recorded();
CREATE TRIGGER no_delete BEFORE DELETE ON documents FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE FUNCTION document_is_not_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.kept_in IS DISTINCT FROM 'erased' AND EXISTS (SELECT FROM erasures e WHERE e.document = NEW.digest) THEN
        RAISE EXCEPTION 'document % was erased by order', NEW.digest USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER not_erased BEFORE INSERT ON documents FOR EACH ROW EXECUTE FUNCTION document_is_not_erased();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON document_moves FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON erasure_proposals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON erasures FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON document_moves EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON erasure_proposals EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON erasures EXECUTE FUNCTION refuse_change();
