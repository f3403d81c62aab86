-- Who the members are to the outside world. Personal data lives here and nowhere else: no event, no log and no view
-- carries it, so that erasing a person leaves the chain and every total intact.
-- Locks: none on existing tables. Runtime: instant.

CREATE SCHEMA members;
GRANT USAGE ON SCHEMA members TO khaywe_app;

CREATE TABLE members.members (
    program_id text COLLATE "C" NOT NULL,
    member_id uuid NOT NULL,
    account_id uuid NOT NULL,
    enrolled_at timestamptz NOT NULL,
    CONSTRAINT members_member_v1 PRIMARY KEY (program_id, member_id)
);

-- identifiers --
-- What the outside calls a member: card, customer number, phone. account_id saves the posting path a hash per purchase.
CREATE TABLE members.identifiers (
    program_id text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    member_id uuid NOT NULL,
    account_id uuid NOT NULL,
    CONSTRAINT identifiers_value_v1 PRIMARY KEY (program_id, kind, value),
    CONSTRAINT identifiers_member_v1 FOREIGN KEY (program_id, member_id)
    REFERENCES members.members (program_id, member_id)
);
CREATE INDEX identifiers_by_member_v1 ON members.identifiers (program_id, member_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON members.members, members.identifiers TO khaywe_app;
