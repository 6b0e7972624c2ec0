"""The ledger's first tables (hub/ledger/README.md says what each is for)."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE client (
    id text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{1,62}$'),
    name text NOT NULL,
    organisation_type text NOT NULL,
    scopes text[] NOT NULL DEFAULT '{}',
    profile jsonb NOT NULL DEFAULT '{}',
    key_hash bytea,
    key_expires_at timestamptz,
    outbound jsonb,
    outbound_secret bytea,
    mllp jsonb,
    kafka boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);

CREATE TABLE request (
    client text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    referral_id uuid,
    message_id text,
    answer bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (client, key)
);
CREATE INDEX request_referral ON request (referral_id);

CREATE TABLE refusal (
    id uuid PRIMARY KEY,
    client text NOT NULL,
    key text,
    connector text NOT NULL,
    reason text NOT NULL,
    issues jsonb NOT NULL,
    sealing_key bytea,
    message bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '30 days'
);
CREATE INDEX refusal_key ON refusal (client, key);

CREATE TABLE referral (
    id uuid PRIMARY KEY,
    ref text NOT NULL UNIQUE,
    client text NOT NULL,
    connector text NOT NULL,
    correlation text,
    status text NOT NULL,
    business_status text NOT NULL,
    version integer NOT NULL,
    content_version integer NOT NULL DEFAULT 1,
    awaits text,
    owner text,
    clock text,
    deadline_at timestamptz,
    held_reason text,
    priority text NOT NULL,
    area text,
    needs text[] NOT NULL DEFAULT '{}',
    tried text[] NOT NULL DEFAULT '{}',
    sealing_key bytea,
    content bytea,
    message bytea,
    last_hash bytea NOT NULL,
    trace text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
CREATE INDEX referral_due ON referral (deadline_at) WHERE closed_at IS NULL AND deadline_at IS NOT NULL;
CREATE INDEX referral_client ON referral (client, created_at);

CREATE TABLE task (
    id uuid PRIMARY KEY,
    referral_id uuid NOT NULL REFERENCES referral (id),
    role text NOT NULL,
    ordinal integer NOT NULL,
    status text NOT NULL,
    business_status text NOT NULL,
    owner text,
    client text,
    version integer NOT NULL,
    reason text,
    inferred text[] NOT NULL DEFAULT '{}',
    sequence bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (referral_id, role, ordinal)
);
CREATE INDEX task_client ON task (client) WHERE client IS NOT NULL;

CREATE TABLE event (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    id uuid PRIMARY KEY,
    referral_id uuid NOT NULL REFERENCES referral (id),
    version integer NOT NULL,
    type text NOT NULL,
    subject text NOT NULL,
    source text NOT NULL,
    correlation text,
    causation text,
    reason text,
    tells text[] NOT NULL DEFAULT '{}',
    task_id uuid,
    payload bytea,
    thin text NOT NULL,
    trace text,
    prev_hash bytea NOT NULL,
    hash bytea NOT NULL,
    time timestamptz NOT NULL DEFAULT now(),
    UNIQUE (referral_id, version)
);
CREATE INDEX event_seq ON event (seq);

CREATE TABLE outbox (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard smallint NOT NULL,
    referral_id uuid NOT NULL,
    event_id uuid NOT NULL,
    topic text,
    delivery_id uuid,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_shard ON outbox (shard, seq);

CREATE TABLE inbox (
    stage text NOT NULL,
    event_id uuid NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stage, event_id)
);

CREATE TABLE dead_letter (
    id uuid PRIMARY KEY,
    stage text NOT NULL,
    referral_id uuid,
    event_id uuid,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    record bytea,
    attempts integer NOT NULL DEFAULT 1,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'retry', 'done')),
    at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
CREATE INDEX dead_letter_open ON dead_letter (stage, referral_id) WHERE state <> 'done';

CREATE TABLE parked (
    stage text NOT NULL,
    event_id uuid NOT NULL,
    referral_id uuid NOT NULL,
    sequence integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stage, event_id)
);
CREATE INDEX parked_referral ON parked (stage, referral_id, sequence);

CREATE TABLE person_key (
    referral_id uuid NOT NULL REFERENCES referral (id),
    hash bytea NOT NULL,
    kind text NOT NULL,
    PRIMARY KEY (referral_id, hash)
);
CREATE INDEX person_key_hash ON person_key (hash);

CREATE TABLE person_mark (
    hash bytea NOT NULL,
    kind text NOT NULL,
    points_to bytea,
    client text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (hash, kind)
);

CREATE TABLE prescriber (
    id text PRIMARY KEY,
    data jsonb NOT NULL,
    state text NOT NULL,
    places integer,
    client text,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE asset (
    id text PRIMARY KEY,
    data jsonb NOT NULL,
    state text NOT NULL,
    places integer,
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE listing (
    source text NOT NULL,
    source_id text NOT NULL,
    kind text NOT NULL,
    listed_id text NOT NULL,
    data jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, source_id)
);

CREATE TABLE place_taken (
    task_id uuid PRIMARY KEY,
    kind text NOT NULL,
    counted_id text NOT NULL,
    referral_id uuid NOT NULL REFERENCES referral (id),
    taken_at timestamptz NOT NULL DEFAULT now(),
    released_at timestamptz
);
CREATE INDEX place_taken_now ON place_taken (kind, counted_id) WHERE released_at IS NULL;

CREATE TABLE delivery (
    id uuid PRIMARY KEY,
    referral_id uuid NOT NULL REFERENCES referral (id),
    event_id uuid NOT NULL,
    fact text NOT NULL,
    recipient text NOT NULL,
    party text NOT NULL,
    connector text NOT NULL,
    transport text NOT NULL,
    message_key text NOT NULL,
    content_type text NOT NULL,
    body bytea,
    sequence integer NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'refused', 'exhausted', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    claimed_until timestamptz,
    outcome text,
    trace text,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    UNIQUE (event_id, recipient, transport)
);
CREATE INDEX delivery_due ON delivery (next_attempt_at) WHERE state = 'pending';
CREATE INDEX delivery_line ON delivery (referral_id, recipient, transport, sequence) WHERE state = 'pending';

CREATE TABLE worklist_item (
    id uuid PRIMARY KEY,
    referral_id uuid NOT NULL REFERENCES referral (id),
    kind text NOT NULL,
    reason text NOT NULL,
    opened_at timestamptz NOT NULL DEFAULT now(),
    alert_at timestamptz,
    alerted_at timestamptz,
    closed_at timestamptz,
    closed_by text,
    note text
);
CREATE INDEX worklist_open ON worklist_item (opened_at) WHERE closed_at IS NULL;

CREATE TABLE audit (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    referral_id uuid,
    detail jsonb NOT NULL DEFAULT '{}',
    chained bigint,
    hash bytea,
    signature bytea
);
CREATE INDEX audit_unchained ON audit (seq) WHERE hash IS NULL;

CREATE TABLE epoch (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), kafka integer NOT NULL DEFAULT 1);
INSERT INTO epoch DEFAULT VALUES;

CREATE FUNCTION marks_of(hashes bytea[]) RETURNS SETOF person_mark LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(key) FROM (
        SELECT ('x' || encode(substring(h FROM 1 FOR 8), 'hex'))::bit(64)::bigint AS key FROM unnest(hashes) AS h ORDER BY h
    ) AS sorted;
    RETURN QUERY SELECT * FROM person_mark WHERE hash = ANY (hashes);
END $$;
"""


def upgrade() -> None:
    """Make every table."""
    for statement in _statements(TABLES):
        op.execute(statement)


def downgrade() -> None:
    """The record is never taken back; restore a backup instead."""
    raise NotImplementedError("The ledger has no way back: restore a backup.")


def _statements(script: str) -> list[str]:
    """asyncpg prepares one statement at a time; a function body keeps its semicolons."""
    head, mark, function = script.partition("CREATE FUNCTION")
    return [*(one for one in head.split(";\n") if one.strip()), mark + function]
