-- resolve --
-- The account ids behind identifiers of one kind, 16 bytes each, in the order asked; 16 zeros where nobody is known.
-- One value instead of a row each: this runs for every purchase, and making rows is most of what it would cost.
SELECT string_agg(coalesce(uuid_send(i.account_id), decode(repeat('00', 16), 'hex')), ''::bytea ORDER BY asked.ordinal)
FROM unnest(string_to_array(%(values)s, E'\x1f')) WITH ORDINALITY AS asked (value, ordinal)
LEFT JOIN LATERAL (
    SELECT account_id FROM members.identifiers
    WHERE program_id = %(program_id)s AND kind = %(kind)s AND value = asked.value
    OFFSET 0
) AS i ON TRUE

-- find --
-- The member behind one identifier.
SELECT member_id FROM members.identifiers
WHERE program_id = %(program_id)s AND kind = %(kind)s AND value = %(value)s

-- owners --
-- Which of these identifiers belong to somebody.
SELECT i.kind, i.value, i.member_id
FROM unnest(%(kinds)s::text[], %(values)s::text[]) AS asked (kind, value)
INNER JOIN members.identifiers AS i
    ON i.program_id = %(program_id)s AND i.kind = asked.kind AND i.value = asked.value

-- add_members --
INSERT INTO members.members (program_id, member_id, account_id, enrolled_at)
SELECT %(program_id)s, m.member_id, m.account_id, %(enrolled_at)s
FROM unnest(%(member_ids)s::uuid[], %(account_ids)s::uuid[]) AS m (member_id, account_id)
ON CONFLICT DO NOTHING

-- add_identifiers --
INSERT INTO members.identifiers (program_id, kind, value, member_id, account_id)
SELECT %(program_id)s, i.kind, i.value, i.member_id, i.account_id
FROM unnest(%(kinds)s::text[], %(values)s::text[], %(member_ids)s::uuid[], %(account_ids)s::uuid[])
    AS i (kind, value, member_id, account_id)
ON CONFLICT DO NOTHING

-- identifiers_of --
SELECT kind, value FROM members.identifiers
WHERE program_id = %(program_id)s AND member_id = %(member_id)s ORDER BY kind, value

-- is_member --
SELECT account_id FROM members.members WHERE program_id = %(program_id)s AND member_id = %(member_id)s

-- revision --
-- Moves when an identifier stops naming the member it named.
SELECT revision FROM members.revision
