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

-- revision --
-- Counts every change that takes an identifier away from a member, or gives it to another. Posters remember whom an
-- identifier names for as long as this stands still, which is nearly always; they read it once per batch.
CREATE TABLE members.revision (
    only_row boolean PRIMARY KEY DEFAULT TRUE CHECK (only_row),
    revision bigint NOT NULL DEFAULT 0
);
INSERT INTO members.revision DEFAULT VALUES;

CREATE FUNCTION members.count_revision_v1() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = members, pg_temp AS $$
BEGIN
    UPDATE members.revision SET revision = revision + 1;
    RETURN NULL;
END
$$;

CREATE TRIGGER identifiers_count_revision_v1 AFTER UPDATE OR DELETE OR TRUNCATE ON members.identifiers
FOR EACH STATEMENT EXECUTE FUNCTION members.count_revision_v1();

GRANT SELECT ON members.revision TO khaywe_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON members.members, members.identifiers TO khaywe_app;
