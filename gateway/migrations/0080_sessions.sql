-- People's sessions and what keeps others from guessing. These rows are the state of a machine: nothing in them is a fact
-- of the premium world, and no act rests on a session.

-- A session by the SHA-256 of its token; the token itself is nowhere. `credential` is the digest of what was signed in
-- with (the password's hash, the provider and its word on who it is): when that changes, the session is over.
CREATE TABLE sessions (
    digest       bytea       PRIMARY KEY CHECK (length(digest) = 32),
    method       text        NOT NULL CHECK (method IN ('password', 'oidc')),
    username     text        NOT NULL,
    display_name text        NOT NULL,
    participant  text        NOT NULL,
    credential   bytea       NOT NULL,
    begun_at     timestamptz NOT NULL,
    seen_at      timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- How often somebody failed to sign in, by the SHA-256 of a user's name or of an address, and until when nobody may try.
CREATE TABLE sign_in_delays (
    subject    bytea       PRIMARY KEY CHECK (length(subject) = 32),
    failures   integer     NOT NULL,
    tried_at   timestamptz NOT NULL,
    not_before timestamptz NOT NULL
);
CREATE INDEX sign_in_delays_by_time ON sign_in_delays (tried_at);

-- Words of an identity provider that were used: each opens one session.
CREATE TABLE used_id_tokens (
    digest     bytea       PRIMARY KEY CHECK (length(digest) = 32),
    expires_at timestamptz NOT NULL
);
CREATE INDEX used_id_tokens_by_expiry ON used_id_tokens (expires_at);
