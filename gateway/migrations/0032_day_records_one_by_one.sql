-- Record by record, each look-up by all columns of its index: a session keeps a function's plans, and what was planned
-- for small tables, or before they were analysed, must be right for large ones too. The cost per record stays the same.
CREATE OR REPLACE FUNCTION count_day_records() RETURNS trigger LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    told record;
    last record;
BEGIN
    FOR told IN
        SELECT r.seq, r.insurer, r.type, coalesce(r.number, md5(r.record::text)) AS key, r.known_at,
            business_day(r.type, r.record, r.known_at) AS day, business_amount(r.type, r.record) AS amount
        FROM added r
        WHERE r.outcome <> 'failed' AND r.type IN ('policy', 'endorsement', 'cancellation', 'premium_receipt',
            'premium_refund', 'invoice', 'delivery', 'claim_summary')
        ORDER BY r.seq
    LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM day_records d WHERE d.insurer = told.insurer AND d.type = told.type AND d.key = told.key);
        SELECT d.count, d.amount, d.known_at INTO last FROM day_records d
        WHERE d.insurer = told.insurer AND d.day = told.day AND d.type = told.type ORDER BY d.count DESC LIMIT 1;
        INSERT INTO day_records (seq, insurer, type, key, day, count, amount, known_at)
        VALUES (told.seq, told.insurer, told.type, told.key, told.day, coalesce(last.count, 0) + 1,
            coalesce(last.amount, 0) + told.amount, greatest(last.known_at, told.known_at));
    END LOOP;
    RETURN NULL;
END
$$;
DROP FUNCTION add_day_records(bigint[]);
