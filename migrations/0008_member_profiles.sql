-- Profiles of members, who enrolled them, keys of enrolments, and proofs of erasure. Personal data stays in this schema,
-- which khaywe_read does not see, and every table of it is emptied of a person by `ledger/members/erasing.py`.
-- Locks: members.members and views.accounts for an instant (new columns without default; a scan of views.accounts for
-- the partial index, about a second for a million accounts). Runtime: that.

ALTER TABLE members.members
ADD COLUMN partner text COLLATE "C",
ADD COLUMN merged_into uuid,
ADD COLUMN erased_at timestamptz;

-- members_merged_v1 --
-- Whoever is erased takes along whom they were merged with.
CREATE INDEX members_merged_v1 ON members.members (program_id, merged_into) WHERE merged_into IS NOT NULL;

-- profiles --
-- The profile is one document; beside it stand the keys by which members are searched. Keys are folded, see profile.py.
CREATE TABLE members.profiles (
    program_id text COLLATE "C" NOT NULL,
    member_id uuid NOT NULL,
    version bigint NOT NULL,
    profile jsonb NOT NULL,
    email_key text COLLATE "C",
    phone_key text COLLATE "C",
    family_key text COLLATE "C",
    given_key text COLLATE "C",
    changed_at timestamptz NOT NULL,
    CONSTRAINT profiles_member_v1 PRIMARY KEY (program_id, member_id),
    CONSTRAINT profiles_of_members_v1 FOREIGN KEY (program_id, member_id)
    REFERENCES members.members (program_id, member_id),
    CONSTRAINT profiles_size_v1 CHECK (octet_length(profile::text) <= 65536)
);
CREATE INDEX profiles_by_email_v1 ON members.profiles (program_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX profiles_by_phone_v1 ON members.profiles (program_id, phone_key) WHERE phone_key IS NOT NULL;
CREATE INDEX profiles_by_family_v1 ON members.profiles (program_id, family_key) WHERE family_key IS NOT NULL;
CREATE INDEX profiles_by_given_v1 ON members.profiles (program_id, given_key) WHERE given_key IS NOT NULL;

-- enrolment_keys --
-- Idempotency keys of enrolments. The hash is over identifiers and profile, so that erasure takes it away; what is left
-- of the row keeps a late repetition from bringing an erased person back.
CREATE TABLE members.enrolment_keys (
    source text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    request_hash bytea,
    program_id text COLLATE "C" NOT NULL,
    member_id uuid,
    enrolled_at timestamptz NOT NULL,
    CONSTRAINT enrolment_keys_key_v1 PRIMARY KEY (source, key)
);
CREATE INDEX enrolment_keys_by_member_v1 ON members.enrolment_keys (program_id, member_id);

-- erasures --
-- What was asked, before anything happened, so that it is finished whatever happens; and in the end the proof. No
-- personal data: ids of ours, times, counts, totals and links of the chain.
CREATE TABLE members.erasures (
    program_id text COLLATE "C" NOT NULL,
    member_id uuid NOT NULL,
    request jsonb NOT NULL,
    principal text COLLATE "C" NOT NULL,
    source text COLLATE "C",
    key text COLLATE "C",
    asked_at timestamptz NOT NULL,
    proof jsonb,
    CONSTRAINT erasures_member_v1 PRIMARY KEY (program_id, member_id),
    CONSTRAINT erasures_key_v1 UNIQUE (source, key)
);
CREATE INDEX erasures_unfinished_v1 ON members.erasures (asked_at) WHERE proof IS NULL;

-- accounts_merged_v1 --
-- For the job that finishes mergers.
CREATE INDEX accounts_merged_v1 ON views.accounts (program_id, member_id) WHERE merged_into <> '';

GRANT SELECT, INSERT, UPDATE, DELETE ON members.profiles, members.enrolment_keys, members.erasures TO khaywe_app;
