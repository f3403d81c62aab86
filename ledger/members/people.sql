-- member --
SELECT m.member_id, m.account_id, m.enrolled_at, m.partner, m.merged_into, m.erased_at,
    coalesce((
        SELECT array_agg(i.kind ORDER BY i.kind) FROM members.identifiers AS i
        WHERE i.program_id = m.program_id AND i.member_id = m.member_id
    ), '{}') AS identifier_kinds
FROM members.members AS m
WHERE m.program_id = %(program_id)s AND m.member_id = %(member_id)s

-- lock_member --
-- Whoever changes what is known about a member does so one after the other.
SELECT merged_into, erased_at FROM members.members
WHERE program_id = %(program_id)s AND member_id = %(member_id)s FOR NO KEY UPDATE

-- profile --
SELECT version, profile::text, changed_at FROM members.profiles
WHERE program_id = %(program_id)s AND member_id = %(member_id)s

-- add_profile --
INSERT INTO members.profiles
    (program_id, member_id, version, profile, email_key, phone_key, family_key, given_key, changed_at)
VALUES
    (%(program_id)s, %(member_id)s, 1, %(profile)s, %(email)s, %(phone)s, %(family)s, %(given)s, %(changed_at)s)
ON CONFLICT (program_id, member_id) DO UPDATE SET
    version = members.profiles.version + 1,
    profile = excluded.profile,
    email_key = excluded.email_key,
    phone_key = excluded.phone_key,
    family_key = excluded.family_key,
    given_key = excluded.given_key,
    changed_at = excluded.changed_at
RETURNING version

-- add_identifier --
INSERT INTO members.identifiers (program_id, kind, value, member_id, account_id)
VALUES (%(program_id)s, %(kind)s, %(value)s, %(member_id)s, %(account_id)s)
ON CONFLICT DO NOTHING

-- identifier_count --
SELECT count(*) FROM members.identifiers WHERE program_id = %(program_id)s AND member_id = %(member_id)s

-- remove_identifier --
DELETE FROM members.identifiers
WHERE program_id = %(program_id)s AND kind = %(kind)s AND value = %(value)s AND member_id = %(member_id)s

-- search --
-- Every filter that is not asked for is NULL. A plan is made for each search, which leaves those out.
SELECT m.member_id, m.account_id, m.enrolled_at, m.partner, p.profile::text AS profile,
    coalesce((
        SELECT json_agg(json_build_object('kind', i.kind, 'value', i.value) ORDER BY i.kind, i.value)
        FROM members.identifiers AS i WHERE i.program_id = m.program_id AND i.member_id = m.member_id
    ), '[]')::text AS identifiers
FROM members.members AS m
LEFT JOIN members.profiles AS p ON p.program_id = m.program_id AND p.member_id = m.member_id
WHERE m.program_id = %(program_id)s
    AND m.merged_into IS NULL AND m.erased_at IS NULL
    AND (%(after)s::uuid IS NULL OR m.member_id > %(after)s)
    AND (%(member_id)s::uuid IS NULL OR m.member_id = %(member_id)s)
    AND (%(partners)s::text[] IS NULL OR m.partner = ANY(%(partners)s))
    AND (%(enrolled_from)s::timestamptz IS NULL OR m.enrolled_at >= %(enrolled_from)s)
    AND (%(enrolled_before)s::timestamptz IS NULL OR m.enrolled_at < %(enrolled_before)s)
    AND (%(email)s::text IS NULL OR p.email_key = %(email)s)
    AND (%(phone)s::text IS NULL OR p.phone_key = %(phone)s)
    AND (%(name)s::text IS NULL OR p.family_key ^@ %(name)s OR p.given_key ^@ %(name)s)
    AND (%(given_name)s::text IS NULL OR p.given_key ^@ %(given_name)s)
    AND (%(family_name)s::text IS NULL OR p.family_key ^@ %(family_name)s)
    AND (%(kind)s::text IS NULL OR m.member_id = (
        SELECT i.member_id FROM members.identifiers AS i
        WHERE i.program_id = %(program_id)s AND i.kind = %(kind)s AND i.value = %(value)s
    ))
ORDER BY m.member_id LIMIT %(limit)s

-- opening --
-- The first event of an account names the member.
SELECT topic, state FROM ledger.events
WHERE partition = %(partition)s AND stream_id = %(stream_id)s AND version = 1
