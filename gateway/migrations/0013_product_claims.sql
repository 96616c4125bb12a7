-- What was told of each approval number: each way of telling it once, with who told it first. Never shown to others.
CREATE TABLE product_claims (
    seq           bigint GENERATED ALWAYS AS IDENTITY,
    approval_no   text NOT NULL,
    approval_date text NOT NULL, -- empty if not told
    class         text NOT NULL, -- as it is compared; empty if not told
    insurer       text NOT NULL,
    submission_id text NOT NULL REFERENCES submissions,
    PRIMARY KEY (approval_no, approval_date, class)
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON product_claims FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON product_claims EXECUTE FUNCTION refuse_change();
