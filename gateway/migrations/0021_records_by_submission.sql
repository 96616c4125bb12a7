-- The records of one message, for whoever asks for them with their lineage, and for replaying.
CREATE INDEX records_by_submission ON records (submission_id, seq);
