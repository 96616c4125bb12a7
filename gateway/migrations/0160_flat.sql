-- What arrives costs the same among ten thousand records and among ten million: docs/decisions/0020. Indexes grow where
-- time goes on, not at random places; only message ids, which senders choose, and digests of documents are anywhere.

-- A leaf's hash commits to its moment, so that the two are as unique as the hash alone.
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_once;
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_once UNIQUE (at, leaf_hash);

-- By digest within a day. Who asks by digest alone goes through the days.
DROP INDEX submissions_by_body;
CREATE INDEX submissions_by_body ON submissions (((received_at AT TIME ZONE 'UTC')::date), body_digest);

-- A nonce is used once within the days in which its signature counts; that of older ones is refused by its age.
DROP INDEX submissions_by_nonce;
CREATE UNIQUE INDEX submissions_by_nonce ON submissions (((received_at AT TIME ZONE 'UTC')::date), keyid, nonce)
    WHERE nonce IS NOT NULL;

-- A list of what waits to be indexed would be read whole by each message, and emptied by one of them.
ALTER INDEX records_by_document SET (fastupdate = off);
ALTER INDEX records_invoices_naming SET (fastupdate = off);
ALTER INDEX records_awards_naming SET (fastupdate = off);
SELECT gin_clean_pending_list(name::regclass)
FROM unnest(ARRAY['records_by_document', 'records_invoices_naming', 'records_awards_naming']) AS name;
