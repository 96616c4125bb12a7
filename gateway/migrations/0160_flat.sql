-- What arrives costs the same among ten thousand records and among ten million: docs/decisions/0020. Indexes grow where
-- time goes on, not at random places; only what senders choose (message ids, nonces, digests) is still anywhere.

-- A leaf's hash commits to its moment, so that the two are as unique as the hash alone.
ALTER TABLE ledger_entries DROP CONSTRAINT ledger_entries_once;
ALTER TABLE ledger_entries ADD CONSTRAINT ledger_entries_once UNIQUE (at, leaf_hash);

-- By digest within a day. Who asks by digest alone goes through the days.
DROP INDEX submissions_by_body;
CREATE INDEX submissions_by_body ON submissions (((received_at AT TIME ZONE 'UTC')::date), body_digest);

-- A list of what waits to be indexed would be read whole by each message, and emptied by one of them.
ALTER INDEX records_by_document SET (fastupdate = off);
ALTER INDEX records_invoices_naming SET (fastupdate = off);
ALTER INDEX records_awards_naming SET (fastupdate = off);
SELECT gin_clean_pending_list(name::regclass)
FROM unnest(ARRAY['records_by_document', 'records_invoices_naming', 'records_awards_naming']) AS name;
