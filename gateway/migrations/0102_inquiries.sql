-- Inquiries 问询: an authority asks an insurer, the insurer answers, the authority closes. Each step is a signed request, kept as it
-- came, and a leaf of the log. The first step of an inquiry has place 0; where it stands follows from its steps.
CREATE TABLE inquiry_steps (
    leaf_index  bigint      PRIMARY KEY,
    inquiry     text        NOT NULL,
    place       integer     NOT NULL CHECK (place >= 0),
    act         text        NOT NULL CHECK (act IN ('asked', 'answered', 'closed')),
    insurer     text        NOT NULL,
    subject     text        NOT NULL,
    due_on      date        NOT NULL, -- the last day for the answer, in Asia/Shanghai
    at          timestamptz NOT NULL,
    participant text        NOT NULL,
    keyid       text        NOT NULL,
    body_digest text        NOT NULL,
    body        bytea       NOT NULL,
    request     jsonb       NOT NULL,
    UNIQUE (inquiry, place),
    CHECK ((place = 0) = (act = 'asked'))
);
CREATE INDEX inquiry_steps_of_insurer ON inquiry_steps (insurer, leaf_index DESC) WHERE place = 0;
CREATE INDEX inquiry_steps_asked ON inquiry_steps (leaf_index DESC) WHERE place = 0;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON inquiry_steps FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON inquiry_steps EXECUTE FUNCTION refuse_change();
