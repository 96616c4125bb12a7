-- Completeness of what insurers push: how many records, and of what amount, are known of each insurer, day and type, so
-- that a day's own totals 日结 can be held against them at any time and as of any moment, at the price of one look-up.

-- The day that a record belongs to is the one that it states of itself; where it states none, the day on which it came.
CREATE FUNCTION business_day(type text, record jsonb, known_at timestamptz) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT coalesce(CASE type
        WHEN 'policy'          THEN record ->> 'issued_on'
        WHEN 'endorsement'     THEN coalesce(record ->> 'issued_on', record ->> 'effective_on')
        WHEN 'cancellation'    THEN record ->> 'effective_on'
        WHEN 'premium_receipt' THEN record ->> 'received_on'
        WHEN 'premium_refund'  THEN record ->> 'paid_on'
        WHEN 'invoice'         THEN record ->> 'issued_on'
        WHEN 'delivery'        THEN record ->> 'delivered_on'
        WHEN 'claim_summary'   THEN record #>> '{period,end}'
    END::date, (known_at AT TIME ZONE 'Asia/Shanghai')::date)
$$;

-- What a record adds to its day's amount, in yuan; signed where the schema signs it, nothing where it states no money.
CREATE FUNCTION business_amount(type text, record jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(CASE type
        WHEN 'policy'          THEN record #>> '{premium,gross}'
        WHEN 'endorsement'     THEN record #>> '{premium_change,gross}'
        WHEN 'cancellation'    THEN record #>> '{return_premium,gross}'
        WHEN 'premium_receipt' THEN record ->> 'amount'
        WHEN 'premium_refund'  THEN record ->> 'amount'
        WHEN 'invoice'         THEN record ->> 'gross'
        WHEN 'claim_summary'   THEN record ->> 'paid'
    END::numeric, 0)
$$;

-- One row for each record that is not refused, the first that told it: the totals of its day and type with it. `key` is
-- its number, or the digest of its content where its type has none. The latest totals are those of the largest count;
-- that two transactions cannot both be the next is the second UNIQUE. `known_at` never goes back as the count grows.
CREATE TABLE day_records (
    seq      bigint      PRIMARY KEY REFERENCES records,
    insurer  text        NOT NULL,
    type     text        NOT NULL,
    key      text        NOT NULL,
    day      date        NOT NULL,
    count    integer     NOT NULL CHECK (count > 0),
    amount   numeric     NOT NULL,
    known_at timestamptz NOT NULL,
    UNIQUE (insurer, type, key),
    UNIQUE (insurer, day, type, count)
);

-- Adds these records, which must be in `records` and later than all that were added before.
CREATE FUNCTION add_day_records(added bigint[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    WITH told AS (
        SELECT DISTINCT ON (r.insurer, r.type, key) r.seq, r.insurer, r.type, key,
            business_day(r.type, r.record, r.known_at) AS day, business_amount(r.type, r.record) AS amount, r.known_at
        FROM records r, LATERAL (SELECT coalesce(r.number, md5(r.record::text)) AS key) AS named
        WHERE r.seq = ANY (added) AND r.outcome <> 'failed'
            AND r.type IN ('policy', 'endorsement', 'cancellation', 'premium_receipt', 'premium_refund', 'invoice',
                           'delivery', 'claim_summary')
            AND NOT EXISTS (SELECT FROM day_records d
                            WHERE d.insurer = r.insurer AND d.type = r.type AND d.key = named.key)
        ORDER BY r.insurer, r.type, key, r.seq
    )
    INSERT INTO day_records (seq, insurer, type, key, day, count, amount, known_at)
    SELECT told.seq, told.insurer, told.type, told.key, told.day,
        coalesce(last.count, 0) + row_number() OVER earlier,
        coalesce(last.amount, 0) + sum(told.amount) OVER earlier,
        greatest(last.known_at, max(told.known_at) OVER earlier)
    FROM told LEFT JOIN LATERAL (
        SELECT d.count, d.amount, d.known_at FROM day_records d
        WHERE d.insurer = told.insurer AND d.day = told.day AND d.type = told.type ORDER BY d.count DESC LIMIT 1
    ) AS last ON true
    WINDOW earlier AS (PARTITION BY told.insurer, told.day, told.type ORDER BY told.seq);
END
$$;

SELECT add_day_records(array_agg(seq)) FROM records;

CREATE FUNCTION count_day_records() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM add_day_records((SELECT array_agg(seq) FROM added));
    RETURN NULL;
END
$$;
CREATE TRIGGER counted AFTER INSERT ON records
    REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION count_day_records();

CREATE INDEX records_day_close ON records (insurer, (record ->> 'date'), seq DESC) WHERE type = 'day_close';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON day_records FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON day_records EXECUTE FUNCTION refuse_change();

-- A revision is written once and read by every consumer of the feed: where the server can, unpack it fast.
DO $$
BEGIN
    ALTER TABLE premiums ALTER COLUMN body SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    NULL; -- built without lz4: pglz stays
END
$$;
