-- The schema as it is after every migration, to be read: nobody runs this file. It does not say why; the migrations do.
-- Made by `.venv/bin/python -m tests.schema`; a test compares it with what the migrations yield. The roles khaywe_app
-- and khaywe_read belong to the whole server, and are made by the first migration.

CREATE SCHEMA access;
GRANT USAGE ON SCHEMA access TO khaywe_app;

CREATE SCHEMA batches;
GRANT USAGE ON SCHEMA batches TO khaywe_app;

CREATE SCHEMA books;
GRANT USAGE ON SCHEMA books TO khaywe_app;

CREATE SCHEMA ledger;
GRANT USAGE ON SCHEMA ledger TO khaywe_app;
GRANT USAGE ON SCHEMA ledger TO khaywe_read;

CREATE SCHEMA members;
GRANT USAGE ON SCHEMA members TO khaywe_app;

CREATE SCHEMA views;
GRANT USAGE ON SCHEMA views TO khaywe_app;
GRANT USAGE ON SCHEMA views TO khaywe_read;

CREATE SCHEMA webhooks;
GRANT USAGE ON SCHEMA webhooks TO khaywe_app;

CREATE SCHEMA workers;
GRANT USAGE ON SCHEMA workers TO khaywe_app;
GRANT USAGE ON SCHEMA workers TO khaywe_read;

CREATE FUNCTION ledger.refuse_change_v1() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: recorded facts never change; correct them with a new event',
        tg_op, tg_table_schema, tg_table_name USING ERRCODE = 'restrict_violation';
END
$$;

CREATE FUNCTION members.count_revision_v1() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'members', 'pg_temp'
    AS $$
BEGIN
    UPDATE members.revision SET revision = revision + 1;
    RETURN NULL;
END
$$;

CREATE FUNCTION views.idle_on_v1(earned_on date, idle_months int, activities text[], last_purchase_on date, last_accrual_on date, last_redemption_on date, last_adjustment_on date, last_transfer_in_on date, last_transfer_out_on date) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN came_on < idle_on THEN idle_on ELSE (came_on + months + interval '1 day')::date END
FROM (
    SELECT
        came_on,
        months,
        (last_on + months + interval '1 day')::date AS idle_on
    FROM (
        SELECT
            greatest(earned_on, last_adjustment_on, last_transfer_in_on) AS came_on,
            make_interval(months => nullif(idle_months, 0)) AS months,
            greatest(
                CASE WHEN activities IS NULL OR 'purchase' = ANY(activities) THEN last_purchase_on END,
                CASE WHEN activities IS NULL OR 'accrual' = ANY(activities) THEN last_accrual_on END,
                CASE WHEN activities IS NULL OR 'redemption' = ANY(activities) THEN last_redemption_on END,
                CASE WHEN 'adjustment' = ANY(activities) THEN last_adjustment_on END,
                CASE WHEN 'transfer_in' = ANY(activities) THEN last_transfer_in_on END,
                CASE WHEN 'transfer_out' = ANY(activities) THEN last_transfer_out_on END
            ) AS last_on
    ) AS dated
) AS dated
$$;

CREATE TABLE access.api_keys (
    key_id text NOT NULL,
    role text NOT NULL,
    key_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    family text NOT NULL,
    label text DEFAULT ''::text NOT NULL,
    actions text[] DEFAULT '{}'::text[] NOT NULL,
    programs text[] DEFAULT '{}'::text[] NOT NULL,
    partners text[] DEFAULT '{}'::text[] NOT NULL,
    stores text[] DEFAULT '{}'::text[] NOT NULL,
    requests_per_s int,
    issued_by text DEFAULT 'cli'::text NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    CONSTRAINT api_keys_key_hash_check CHECK ((length(key_hash) = 32)),
    CONSTRAINT api_keys_requests_per_s_check CHECK ((requests_per_s > 0)),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
    CONSTRAINT api_keys_pkey PRIMARY KEY (key_id)
);
GRANT SELECT,INSERT,UPDATE ON TABLE access.api_keys TO khaywe_app;

CREATE TABLE access.sessions (
    session_hash bytea NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT sessions_session_hash_check CHECK ((length(session_hash) = 32)),
    CONSTRAINT sessions_pkey PRIMARY KEY (session_hash)
);
CREATE INDEX sessions_by_user_v1 ON access.sessions USING btree (user_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE access.sessions TO khaywe_app;

CREATE TABLE access.users (
    user_id uuid NOT NULL,
    email text NOT NULL,
    password_hash text NOT NULL,
    role text NOT NULL,
    actions text[] DEFAULT '{}'::text[] NOT NULL,
    programs text[] DEFAULT '{}'::text[] NOT NULL,
    partners text[] DEFAULT '{}'::text[] NOT NULL,
    stores text[] DEFAULT '{}'::text[] NOT NULL,
    is_enabled boolean DEFAULT true NOT NULL,
    created_at timestamptz NOT NULL,
    failed_count int DEFAULT 0 NOT NULL,
    locked_until timestamptz,
    CONSTRAINT users_email_v1 UNIQUE (email),
    CONSTRAINT users_pkey PRIMARY KEY (user_id)
);
GRANT SELECT,INSERT,UPDATE ON TABLE access.users TO khaywe_app;

CREATE TABLE batches.batches (
    batch_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    family text NOT NULL COLLATE "C",
    key text NOT NULL COLLATE "C",
    principal text NOT NULL,
    media_type text NOT NULL,
    body_sha256 bytea NOT NULL,
    body_bytes bigint NOT NULL,
    status text NOT NULL,
    item_count bigint NOT NULL,
    done_count bigint DEFAULT 0 NOT NULL,
    posted_count bigint DEFAULT 0 NOT NULL,
    replayed_count bigint DEFAULT 0 NOT NULL,
    refused_count bigint DEFAULT 0 NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    cancel_requested_at timestamptz,
    items_deleted_at timestamptz,
    CONSTRAINT batches_body_sha256_check CHECK ((length(body_sha256) = 32)),
    CONSTRAINT batches_check CHECK (((done_count <= item_count) AND (((posted_count + replayed_count) + refused_count) = done_count))),
    CONSTRAINT batches_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'cancelled'::text]))),
    CONSTRAINT batches_key_v1 UNIQUE (program_id, family, key),
    CONSTRAINT batches_pkey PRIMARY KEY (batch_id)
);
CREATE INDEX batches_by_time_v1 ON batches.batches USING btree (program_id, created_at DESC, batch_id);
CREATE INDEX batches_kept_v1 ON batches.batches USING btree (ended_at) WHERE (items_deleted_at IS NULL);
CREATE INDEX batches_open_v1 ON batches.batches USING btree (created_at) WHERE (status = ANY (ARRAY['queued'::text, 'running'::text]));
GRANT SELECT,INSERT,UPDATE ON TABLE batches.batches TO khaywe_app;

CREATE TABLE batches.blocks (
    batch_id uuid NOT NULL,
    number int NOT NULL,
    items bytea NOT NULL,
    unreadable bytea NOT NULL,
    CONSTRAINT blocks_pkey PRIMARY KEY (batch_id, number)
);
GRANT SELECT,INSERT,DELETE ON TABLE batches.blocks TO khaywe_app;

CREATE TABLE batches.results (
    batch_id uuid NOT NULL,
    number int NOT NULL,
    results bytea NOT NULL,
    refused_count int NOT NULL,
    CONSTRAINT results_pkey PRIMARY KEY (batch_id, number)
);
GRANT SELECT,INSERT,DELETE ON TABLE batches.results TO khaywe_app;

CREATE TABLE books.kept (
    program_id text NOT NULL COLLATE "C",
    period text NOT NULL COLLATE "C",
    version bigint NOT NULL,
    CONSTRAINT kept_pkey PRIMARY KEY (program_id, period)
);
GRANT SELECT,INSERT,DELETE ON TABLE books.kept TO khaywe_app;

CREATE TABLE books.lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    lot int NOT NULL,
    program_id text NOT NULL COLLATE "C",
    period text NOT NULL COLLATE "C",
    cohort text NOT NULL COLLATE "C",
    contract_unit text NOT NULL,
    given_unit text NOT NULL,
    service_unit text NOT NULL,
    CONSTRAINT lots_pkey PRIMARY KEY (partition, account_id, lot)
);
GRANT SELECT,INSERT,DELETE ON TABLE books.lots TO khaywe_app;

CREATE TABLE ledger.events (
    partition int NOT NULL,
    position bigint NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL COLLATE "C",
    state bytea NOT NULL,
    recorded_at timestamptz NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT events_position_v1 UNIQUE (partition, position),
    CONSTRAINT events_stream_version_v1 PRIMARY KEY (partition, stream_id, version)
);
CREATE INDEX events_access_v1 ON ledger.events USING btree (recorded_at, partition, position) WHERE (topic ~~ 'access.%'::text);
CREATE INDEX events_approvals_v1 ON ledger.events USING btree (recorded_at, partition, position) WHERE (topic = 'approval.requested.v1'::text);
CREATE INDEX events_programs_v1 ON ledger.events USING btree (partition, position) WHERE (topic = 'program.created.v1'::text);
CREATE TRIGGER events_are_immutable_v1 BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.events FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();
GRANT SELECT,INSERT ON TABLE ledger.events TO khaywe_app;

CREATE VIEW ledger.event_log AS
 SELECT partition,
    position,
    stream_id,
    version,
    topic,
    (convert_from(state, 'UTF8'::name))::jsonb AS state,
    recorded_at,
    encode(hash, 'hex'::text) AS hash
   FROM ledger.events;
COMMENT ON VIEW ledger.event_log IS 'Every recorded event, its state readable as jsonb.';
GRANT SELECT ON TABLE ledger.event_log TO khaywe_app;
GRANT SELECT ON TABLE ledger.event_log TO khaywe_read;

CREATE TABLE ledger.heads (
    partition int NOT NULL,
    position bigint DEFAULT 0 NOT NULL,
    hash bytea DEFAULT decode(repeat('00'::text, 32), 'hex'::text) NOT NULL,
    recorded_at timestamptz DEFAULT '2000-01-01 00:00:00+00'::timestamptz NOT NULL,
    CONSTRAINT heads_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT heads_partition_check CHECK ((partition >= 0)),
    CONSTRAINT heads_pkey PRIMARY KEY (partition)
)
WITH (fillfactor='10');
GRANT SELECT,UPDATE ON TABLE ledger.heads TO khaywe_app;

CREATE TABLE ledger.receipts (
    partition int NOT NULL,
    source text NOT NULL COLLATE "C",
    key text NOT NULL COLLATE "C",
    request_hash bytea NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT receipts_key_v1 PRIMARY KEY (partition, source, key)
);
CREATE TRIGGER receipts_are_immutable_v1 BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger.receipts FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change_v1();
GRANT SELECT,INSERT ON TABLE ledger.receipts TO khaywe_app;

CREATE TABLE ledger.snapshots (
    partition int NOT NULL,
    stream_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL COLLATE "C",
    state bytea NOT NULL,
    CONSTRAINT snapshots_stream_version_v1 PRIMARY KEY (partition, stream_id, version)
);
GRANT SELECT,INSERT,DELETE ON TABLE ledger.snapshots TO khaywe_app;

CREATE TABLE members.enrolment_keys (
    source text NOT NULL COLLATE "C",
    key text NOT NULL COLLATE "C",
    request_hash bytea,
    program_id text NOT NULL COLLATE "C",
    member_id uuid,
    enrolled_at timestamptz NOT NULL,
    CONSTRAINT enrolment_keys_key_v1 PRIMARY KEY (source, key)
);
CREATE INDEX enrolment_keys_by_member_v1 ON members.enrolment_keys USING btree (program_id, member_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.enrolment_keys TO khaywe_app;

CREATE TABLE members.erasures (
    program_id text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    request jsonb NOT NULL,
    principal text NOT NULL COLLATE "C",
    source text COLLATE "C",
    key text COLLATE "C",
    asked_at timestamptz NOT NULL,
    proof jsonb,
    CONSTRAINT erasures_key_v1 UNIQUE (source, key),
    CONSTRAINT erasures_member_v1 PRIMARY KEY (program_id, member_id)
);
CREATE INDEX erasures_unfinished_v1 ON members.erasures USING btree (asked_at) WHERE (proof IS NULL);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.erasures TO khaywe_app;

CREATE TABLE members.identifiers (
    program_id text NOT NULL COLLATE "C",
    kind text NOT NULL COLLATE "C",
    value text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    account_id uuid NOT NULL,
    CONSTRAINT identifiers_value_v1 PRIMARY KEY (program_id, kind, value)
);
CREATE INDEX identifiers_by_member_v1 ON members.identifiers USING btree (program_id, member_id);
CREATE TRIGGER identifiers_count_revision_v1 AFTER DELETE OR UPDATE OR TRUNCATE ON members.identifiers FOR EACH STATEMENT EXECUTE FUNCTION members.count_revision_v1();
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.identifiers TO khaywe_app;

CREATE TABLE members.members (
    program_id text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    account_id uuid NOT NULL,
    enrolled_at timestamptz NOT NULL,
    partner text COLLATE "C",
    merged_into uuid,
    erased_at timestamptz,
    CONSTRAINT members_member_v1 PRIMARY KEY (program_id, member_id)
);
CREATE INDEX members_merged_v1 ON members.members USING btree (program_id, merged_into) WHERE (merged_into IS NOT NULL);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.members TO khaywe_app;

CREATE TABLE members.profiles (
    program_id text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    version bigint NOT NULL,
    profile jsonb NOT NULL,
    email_key text COLLATE "C",
    phone_key text COLLATE "C",
    family_key text COLLATE "C",
    given_key text COLLATE "C",
    changed_at timestamptz NOT NULL,
    CONSTRAINT profiles_size_v1 CHECK ((octet_length((profile)::text) <= 65536)),
    CONSTRAINT profiles_member_v1 PRIMARY KEY (program_id, member_id)
);
CREATE INDEX profiles_by_email_v1 ON members.profiles USING btree (program_id, email_key) WHERE (email_key IS NOT NULL);
CREATE INDEX profiles_by_family_v1 ON members.profiles USING btree (program_id, family_key) WHERE (family_key IS NOT NULL);
CREATE INDEX profiles_by_given_v1 ON members.profiles USING btree (program_id, given_key) WHERE (given_key IS NOT NULL);
CREATE INDEX profiles_by_phone_v1 ON members.profiles USING btree (program_id, phone_key) WHERE (phone_key IS NOT NULL);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE members.profiles TO khaywe_app;

CREATE TABLE members.revision (
    only_row boolean DEFAULT true NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    CONSTRAINT revision_only_row_check CHECK (only_row),
    CONSTRAINT revision_pkey PRIMARY KEY (only_row)
);
GRANT SELECT ON TABLE members.revision TO khaywe_app;

CREATE TABLE views.accounts (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    member_id uuid NOT NULL,
    opened_on date NOT NULL,
    status text DEFAULT 'open'::text NOT NULL COLLATE "C",
    merged_into text DEFAULT ''::text NOT NULL COLLATE "C",
    last_purchase_on date,
    last_accrual_on date,
    last_redemption_on date,
    last_adjustment_on date,
    last_transfer_in_on date,
    last_transfer_out_on date,
    CONSTRAINT accounts_pkey PRIMARY KEY (partition, account_id)
);
CREATE INDEX accounts_merged_v1 ON views.accounts USING btree (program_id, member_id) WHERE (merged_into <> ''::text);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.accounts TO khaywe_app;
GRANT SELECT ON TABLE views.accounts TO khaywe_read;

CREATE TABLE views.balances (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    point_currency text NOT NULL COLLATE "C",
    accrued_points bigint DEFAULT 0 NOT NULL,
    redeemed_points bigint DEFAULT 0 NOT NULL,
    reversed_points bigint DEFAULT 0 NOT NULL,
    version bigint NOT NULL,
    expired_points bigint DEFAULT 0 NOT NULL,
    reinstated_points bigint DEFAULT 0 NOT NULL,
    clawed_back_points bigint DEFAULT 0 NOT NULL,
    credited_points bigint DEFAULT 0 NOT NULL,
    debited_points bigint DEFAULT 0 NOT NULL,
    transferred_in_points bigint DEFAULT 0 NOT NULL,
    transferred_out_points bigint DEFAULT 0 NOT NULL,
    held_points bigint DEFAULT 0 NOT NULL,
    owed_points bigint DEFAULT 0 NOT NULL,
    last_purchase_on date,
    balance_points bigint GENERATED ALWAYS AS ((((((((((accrued_points + reversed_points) + reinstated_points) + credited_points) + transferred_in_points) - redeemed_points) - expired_points) - clawed_back_points) - debited_points) - transferred_out_points)) STORED NOT NULL,
    CONSTRAINT balances_pkey PRIMARY KEY (partition, account_id, point_currency)
)
WITH (fillfactor='70');
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.balances TO khaywe_app;
GRANT SELECT ON TABLE views.balances TO khaywe_read;

CREATE TABLE views.holds (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    hold_id text NOT NULL COLLATE "C",
    point_currency text NOT NULL COLLATE "C",
    points bigint NOT NULL,
    held_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    status text NOT NULL COLLATE "C",
    captured_points bigint NOT NULL,
    resolved_at timestamptz,
    version bigint NOT NULL,
    CONSTRAINT holds_pkey PRIMARY KEY (partition, account_id, hold_id)
)
WITH (fillfactor='90');
CREATE INDEX holds_open_v1 ON views.holds USING btree (partition, expires_at) WHERE (status = 'open'::text);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.holds TO khaywe_app;
GRANT SELECT ON TABLE views.holds TO khaywe_read;

CREATE TABLE views.lots (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    lot int NOT NULL,
    point_currency text NOT NULL COLLATE "C",
    accrued_points bigint NOT NULL,
    open_points bigint NOT NULL,
    earned_on date NOT NULL,
    available_from date NOT NULL,
    expires_on date,
    kind text NOT NULL,
    rule text NOT NULL,
    funding text NOT NULL,
    version bigint NOT NULL,
    awaits text DEFAULT ''::text NOT NULL COLLATE "C",
    cancels_on date,
    idle_months int DEFAULT 0 NOT NULL,
    activities text[] COLLATE "C",
    converts boolean DEFAULT false NOT NULL,
    is_released boolean DEFAULT false NOT NULL,
    CONSTRAINT lots_pkey PRIMARY KEY (partition, account_id, lot)
)
WITH (fillfactor='90');
CREATE INDEX lots_by_cancelling_v1 ON views.lots USING btree (partition, cancels_on) WHERE ((cancels_on IS NOT NULL) AND (awaits <> ''::text) AND (open_points > 0));
CREATE INDEX lots_by_expiry_v1 ON views.lots USING btree (partition, expires_on) WHERE ((expires_on IS NOT NULL) AND (open_points > 0));
CREATE INDEX lots_by_release_v1 ON views.lots USING btree (partition, available_from) WHERE ((available_from > earned_on) AND (NOT is_released) AND (awaits = ''::text) AND (open_points > 0));
CREATE INDEX lots_idle_v1 ON views.lots USING btree (partition, account_id) WHERE ((idle_months > 0) AND (open_points > 0));
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.lots TO khaywe_app;
GRANT SELECT ON TABLE views.lots TO khaywe_read;

CREATE TABLE views.promises (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    point_currency text NOT NULL COLLATE "C",
    source text NOT NULL COLLATE "C",
    transaction_id text NOT NULL COLLATE "C",
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    bundle_version int NOT NULL,
    program_version int NOT NULL,
    reason text NOT NULL COLLATE "C",
    promised_points bigint NOT NULL,
    booked_points bigint NOT NULL,
    repriced_points bigint DEFAULT 0 NOT NULL,
    returned_points bigint DEFAULT 0 NOT NULL,
    CONSTRAINT promises_pkey PRIMARY KEY (partition, account_id, version, point_currency)
);
CREATE INDEX promises_by_day_v1 ON views.promises USING btree (effective_on, source, transaction_id, account_id, point_currency);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.promises TO khaywe_app;
GRANT SELECT ON TABLE views.promises TO khaywe_read;

CREATE TABLE views.purchases (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    source text NOT NULL COLLATE "C",
    transaction_id text NOT NULL COLLATE "C",
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    program_version int NOT NULL,
    points bigint NOT NULL,
    returned_minor bigint DEFAULT 0 NOT NULL,
    CONSTRAINT purchases_pkey PRIMARY KEY (partition, account_id, version)
);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.purchases TO khaywe_app;
GRANT SELECT ON TABLE views.purchases TO khaywe_read;

CREATE TABLE views.tiers (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    ladder text NOT NULL COLLATE "C",
    tier text NOT NULL COLLATE "C",
    since date NOT NULL,
    valid_until date,
    version bigint NOT NULL,
    CONSTRAINT tiers_pkey PRIMARY KEY (partition, account_id, ladder)
)
WITH (fillfactor='90');
CREATE INDEX tiers_by_end_v1 ON views.tiers USING btree (partition, valid_until) WHERE ((tier <> ''::text) AND (valid_until IS NOT NULL));
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.tiers TO khaywe_app;
GRANT SELECT ON TABLE views.tiers TO khaywe_read;

CREATE TABLE views.timeline (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    topic text NOT NULL COLLATE "C",
    occurred_at timestamptz NOT NULL,
    effective_on date NOT NULL,
    recorded_at timestamptz NOT NULL,
    reference text NOT NULL COLLATE "C",
    line smallint NOT NULL,
    point_currency text COLLATE "C",
    points bigint NOT NULL,
    balance_points bigint,
    CONSTRAINT timeline_pkey PRIMARY KEY (partition, account_id, version, line)
);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.timeline TO khaywe_app;
GRANT SELECT ON TABLE views.timeline TO khaywe_read;

CREATE TABLE views.tracking (
    view text NOT NULL COLLATE "C",
    partition int NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT tracking_view_partition PRIMARY KEY (view, partition)
)
WITH (fillfactor='10');
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.tracking TO khaywe_app;
GRANT SELECT ON TABLE views.tracking TO khaywe_read;

CREATE TABLE views.vouchers (
    partition int NOT NULL,
    account_id uuid NOT NULL,
    voucher_id text NOT NULL COLLATE "C",
    point_currency text NOT NULL COLLATE "C",
    points bigint NOT NULL,
    value_minor bigint NOT NULL,
    currency text NOT NULL COLLATE "C",
    issued_on date NOT NULL,
    expires_on date NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT vouchers_pkey PRIMARY KEY (partition, account_id, version)
);
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE views.vouchers TO khaywe_app;
GRANT SELECT ON TABLE views.vouchers TO khaywe_read;

CREATE TABLE webhooks.attempts (
    delivery_id uuid NOT NULL,
    number int NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms int NOT NULL,
    status_code int,
    error text NOT NULL,
    response text NOT NULL,
    CONSTRAINT attempts_pkey PRIMARY KEY (delivery_id, number)
);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.attempts TO khaywe_app;

CREATE TABLE webhooks.deliveries (
    delivery_id uuid NOT NULL,
    endpoint_id uuid NOT NULL,
    account_id uuid NOT NULL,
    version bigint NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL,
    kind text NOT NULL COLLATE "C",
    body text NOT NULL,
    status text NOT NULL,
    attempt_count int DEFAULT 0 NOT NULL,
    retry_count int DEFAULT 0 NOT NULL,
    recorded_at timestamptz NOT NULL,
    ended_at timestamptz,
    CONSTRAINT deliveries_status_check CHECK ((status = ANY (ARRAY['waiting'::text, 'delivered'::text, 'dead'::text]))),
    CONSTRAINT deliveries_pkey PRIMARY KEY (delivery_id)
)
WITH (fillfactor='80');
CREATE INDEX deliveries_dead_v1 ON webhooks.deliveries USING btree (endpoint_id, recorded_at) WHERE (status = 'dead'::text);
CREATE INDEX deliveries_ended_v1 ON webhooks.deliveries USING btree (ended_at) WHERE (ended_at IS NOT NULL);
CREATE INDEX deliveries_log_v1 ON webhooks.deliveries USING btree (endpoint_id, recorded_at DESC, delivery_id);
CREATE INDEX deliveries_waiting_v1 ON webhooks.deliveries USING btree (endpoint_id, account_id, version) WHERE (status = 'waiting'::text);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.deliveries TO khaywe_app;

CREATE TABLE webhooks.endpoints (
    endpoint_id uuid NOT NULL,
    program_id text NOT NULL COLLATE "C",
    url text NOT NULL,
    kinds text[] NOT NULL,
    description text NOT NULL,
    status text NOT NULL,
    status_detail text DEFAULT ''::text NOT NULL,
    created_at timestamptz NOT NULL,
    failing_since timestamptz,
    resting_until timestamptz,
    last_success_at timestamptz,
    request text COLLATE "C",
    request_hash bytea,
    CONSTRAINT endpoints_status_check CHECK ((status = ANY (ARRAY['enabled'::text, 'disabled'::text, 'paused'::text]))),
    CONSTRAINT endpoints_pkey PRIMARY KEY (endpoint_id)
);
CREATE INDEX endpoints_by_program_v1 ON webhooks.endpoints USING btree (program_id, created_at, endpoint_id);
CREATE UNIQUE INDEX endpoints_by_request_v1 ON webhooks.endpoints USING btree (program_id, request) WHERE (request IS NOT NULL);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.endpoints TO khaywe_app;

CREATE TABLE webhooks.lanes (
    endpoint_id uuid NOT NULL,
    account_id uuid NOT NULL,
    waiting_count int NOT NULL,
    due_at timestamptz NOT NULL,
    claim uuid,
    CONSTRAINT lanes_pkey PRIMARY KEY (endpoint_id, account_id)
)
WITH (fillfactor='70');
CREATE INDEX lanes_due_v1 ON webhooks.lanes USING btree (endpoint_id, due_at);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.lanes TO khaywe_app;

CREATE TABLE webhooks.secrets (
    endpoint_id uuid NOT NULL,
    secret bytea NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    CONSTRAINT secrets_secret_check CHECK (((length(secret) >= 24) AND (length(secret) <= 64))),
    CONSTRAINT secrets_pkey PRIMARY KEY (endpoint_id, secret)
);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.secrets TO khaywe_app;

CREATE TABLE webhooks.tracking (
    endpoint_id uuid NOT NULL,
    partition int NOT NULL,
    position bigint NOT NULL,
    CONSTRAINT tracking_pkey PRIMARY KEY (endpoint_id, partition)
)
WITH (fillfactor='10');
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE webhooks.tracking TO khaywe_app;

CREATE TABLE workers.completed (
    job text NOT NULL COLLATE "C",
    key text NOT NULL COLLATE "C",
    completed_at timestamptz NOT NULL,
    CONSTRAINT completed_pkey PRIMARY KEY (job, key)
);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE workers.completed TO khaywe_app;
GRANT SELECT ON TABLE workers.completed TO khaywe_read;

CREATE TABLE workers.leases (
    name text NOT NULL COLLATE "C",
    holder uuid NOT NULL,
    expires_at timestamptz NOT NULL,
    CONSTRAINT leases_pkey PRIMARY KEY (name)
);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE workers.leases TO khaywe_app;
GRANT SELECT ON TABLE workers.leases TO khaywe_read;

CREATE TABLE workers.runs (
    run_id uuid NOT NULL,
    job text NOT NULL COLLATE "C",
    as_of timestamptz NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    status text NOT NULL,
    account_count bigint DEFAULT 0 NOT NULL,
    event_count bigint DEFAULT 0 NOT NULL,
    refused_count bigint DEFAULT 0 NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    CONSTRAINT runs_status_check CHECK ((status = ANY (ARRAY['running'::text, 'finished'::text, 'failed'::text, 'interrupted'::text]))),
    CONSTRAINT runs_pkey PRIMARY KEY (run_id)
);
CREATE INDEX runs_by_start_v1 ON workers.runs USING btree (started_at DESC, run_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE workers.runs TO khaywe_app;
GRANT SELECT ON TABLE workers.runs TO khaywe_read;

CREATE TABLE workers.warnings (
    program_id text NOT NULL COLLATE "C",
    account_id uuid NOT NULL,
    kind text NOT NULL COLLATE "C",
    subject text NOT NULL COLLATE "C",
    due_on date NOT NULL,
    member_id uuid NOT NULL,
    points bigint DEFAULT 0 NOT NULL,
    warned_at timestamptz NOT NULL,
    CONSTRAINT warnings_kind_check CHECK ((kind = ANY (ARRAY['points_lapse'::text, 'tier_ends'::text]))),
    CONSTRAINT warnings_pkey PRIMARY KEY (program_id, account_id, kind, subject, due_on)
);
CREATE INDEX warnings_by_time_v1 ON workers.warnings USING btree (program_id, warned_at, account_id);
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE workers.warnings TO khaywe_app;
GRANT SELECT ON TABLE workers.warnings TO khaywe_read;

ALTER TABLE access.sessions ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES access.users(user_id);

ALTER TABLE batches.blocks ADD CONSTRAINT blocks_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches.batches(batch_id);

ALTER TABLE batches.results ADD CONSTRAINT results_batch_id_fkey FOREIGN KEY (batch_id) REFERENCES batches.batches(batch_id);

ALTER TABLE members.identifiers ADD CONSTRAINT identifiers_member_v1 FOREIGN KEY (program_id, member_id) REFERENCES members.members(program_id, member_id);

ALTER TABLE members.profiles ADD CONSTRAINT profiles_of_members_v1 FOREIGN KEY (program_id, member_id) REFERENCES members.members(program_id, member_id);

ALTER TABLE webhooks.attempts ADD CONSTRAINT attempts_delivery_id_fkey FOREIGN KEY (delivery_id) REFERENCES webhooks.deliveries(delivery_id) ON DELETE CASCADE;

ALTER TABLE webhooks.deliveries ADD CONSTRAINT deliveries_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhooks.endpoints(endpoint_id) ON DELETE CASCADE;

ALTER TABLE webhooks.lanes ADD CONSTRAINT lanes_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhooks.endpoints(endpoint_id) ON DELETE CASCADE;

ALTER TABLE webhooks.secrets ADD CONSTRAINT secrets_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhooks.endpoints(endpoint_id) ON DELETE CASCADE;

ALTER TABLE webhooks.tracking ADD CONSTRAINT tracking_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES webhooks.endpoints(endpoint_id) ON DELETE CASCADE;
