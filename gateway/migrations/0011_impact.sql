-- Which premiums a cause touches: by clause, by the certificate that sealed a document, by the key that signed a message.
CREATE INDEX records_policies_by_clause ON records USING gin ((record -> 'clauses') jsonb_path_ops)
    WHERE type = 'policy';
CREATE INDEX document_verdicts_by_seal ON document_verdicts USING gin ((verdict -> 'report' -> 'seals') jsonb_path_ops);
CREATE INDEX submissions_by_key ON submissions (keyid);
