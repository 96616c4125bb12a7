-- Outgoing webhooks. What was agreed and what happened is appended; what is still to be sent is the state of a machine.

-- Who wants which events sent where, and from which position of the feed on. `secret` signs what is sent there.
CREATE TABLE subscriptions (
    id            text        PRIMARY KEY,
    owner         text        NOT NULL,
    url           text        NOT NULL,
    types         text[]      NOT NULL,
    secret        text        NOT NULL,
    from_position bigint      NOT NULL CHECK (from_position >= 0),
    created_at    timestamptz NOT NULL,
    request       jsonb       NOT NULL
);
CREATE INDEX subscriptions_by_owner ON subscriptions (owner, url);

-- The end of a subscription: its owner's word, the endpoint's (410 Gone), or five days without one acceptance.
CREATE TABLE subscription_ends (
    subscription text        PRIMARY KEY REFERENCES subscriptions,
    ended_at     timestamptz NOT NULL,
    reason       text        NOT NULL CHECK (reason IN ('deleted', 'gone', 'failing')),
    ended_by     text        NOT NULL,
    position     bigint      NOT NULL
);

CREATE TABLE subscription_replays (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription  text        NOT NULL REFERENCES subscriptions,
    from_position bigint      NOT NULL CHECK (from_position >= 0),
    at            timestamptz NOT NULL,
    request       jsonb       NOT NULL
);

-- Every request that was made of an endpoint, and what came of it.
CREATE TABLE delivery_attempts (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription text        NOT NULL REFERENCES subscriptions,
    position     bigint      NOT NULL,
    part         smallint    NOT NULL,
    attempt      integer     NOT NULL,
    at           timestamptz NOT NULL,
    accepted     boolean     NOT NULL,
    status       integer,
    reason       text        NOT NULL
);
CREATE INDEX delivery_attempts_by_subscription ON delivery_attempts (subscription, id DESC);

-- How far a subscription has been taken up from the feed, and since when nothing of it was accepted. It changes: like
-- the queue it says what is left to do, and everything that was done stands in `delivery_attempts`.
CREATE TABLE delivery_state (
    subscription  text        PRIMARY KEY REFERENCES subscriptions,
    position      bigint      NOT NULL,
    failures      integer     NOT NULL DEFAULT 0,
    failing_since timestamptz,
    resume_at     timestamptz
);

-- Events that are taken up and not yet accepted, `part` 0 the revision itself, 1 its impact; no `next_at`: given up.
CREATE TABLE delivery_queue (
    subscription text        NOT NULL REFERENCES subscriptions,
    position     bigint      NOT NULL,
    part         smallint    NOT NULL,
    insurer      text        NOT NULL,
    policy_no    text        NOT NULL,
    attempts     integer     NOT NULL DEFAULT 0,
    next_at      timestamptz,
    PRIMARY KEY (subscription, position, part)
);
CREATE INDEX delivery_queue_by_policy ON delivery_queue (subscription, insurer, policy_no, position, part);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON subscriptions FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON subscription_ends FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON subscription_replays FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON delivery_attempts FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON subscriptions EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON subscription_ends EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON subscription_replays EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON delivery_attempts EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON delivery_state EXECUTE FUNCTION refuse_change();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON delivery_queue EXECUTE FUNCTION refuse_change();
