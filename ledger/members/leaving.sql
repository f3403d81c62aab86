-- lock_members --
SELECT member_id, merged_into, erased_at FROM members.members
WHERE program_id = %(program_id)s AND member_id = ANY(%(member_ids)s) ORDER BY member_id FOR NO KEY UPDATE

-- successor --
-- Who goes on for a member: through mergers of mergers, to the last.
WITH RECURSIVE line AS (
    SELECT member_id, merged_into, 1 AS step FROM members.members
    WHERE program_id = %(program_id)s AND member_id = %(member_id)s
    UNION ALL
    SELECT m.member_id, m.merged_into, l.step + 1 FROM line AS l
    INNER JOIN members.members AS m ON m.program_id = %(program_id)s AND m.member_id = l.merged_into
)
SELECT member_id FROM line WHERE merged_into IS NULL ORDER BY step DESC LIMIT 1

-- mark_merged --
UPDATE members.members SET merged_into = %(successor)s
WHERE program_id = %(program_id)s AND member_id = %(member_id)s

-- move_identifiers --
UPDATE members.identifiers SET member_id = %(successor)s, account_id = %(account_id)s
WHERE program_id = %(program_id)s AND member_id = %(member_id)s

-- drop_profile --
DELETE FROM members.profiles WHERE program_id = %(program_id)s AND member_id = %(member_id)s

-- unfinished_mergers --
SELECT a.member_id, a.merged_into::uuid
FROM views.accounts AS a
INNER JOIN members.members AS m ON m.program_id = a.program_id AND m.member_id = a.member_id AND m.merged_into IS NULL
WHERE a.program_id = %(program_id)s AND a.merged_into <> ''

-- ask --
-- What was asked is written down before anything happens; whoever asks again goes on with what was asked first.
INSERT INTO members.erasures (program_id, member_id, request, principal, source, key, asked_at)
VALUES (%(program_id)s, %(member_id)s, %(request)s, %(principal)s, %(source)s, %(key)s, %(asked_at)s)
ON CONFLICT DO NOTHING

-- asked --
SELECT program_id, member_id, request::text, principal, asked_at, proof::text FROM members.erasures
WHERE program_id = %(program_id)s AND member_id = %(member_id)s

-- asked_by_key --
SELECT program_id, member_id, request::text, principal, asked_at, proof::text FROM members.erasures
WHERE source = %(source)s AND key = %(key)s

-- withdraw --
DELETE FROM members.erasures WHERE program_id = %(program_id)s AND member_id = %(member_id)s AND proof IS NULL

-- unfinished_erasures --
SELECT program_id, member_id, request::text, principal, asked_at, proof::text FROM members.erasures
WHERE proof IS NULL AND asked_at < %(before)s ORDER BY asked_at LIMIT 1000

-- predecessors --
-- Everybody who was merged into a member, and the member.
WITH RECURSIVE line AS (
    SELECT %(member_id)s::uuid AS member_id
    UNION
    SELECT m.member_id FROM line AS l
    INNER JOIN members.members AS m ON m.program_id = %(program_id)s AND m.merged_into = l.member_id
)
SELECT member_id FROM line

-- erase_identifiers --
DELETE FROM members.identifiers WHERE program_id = %(program_id)s AND member_id = ANY(%(member_ids)s)

-- erase_profiles --
DELETE FROM members.profiles WHERE program_id = %(program_id)s AND member_id = ANY(%(member_ids)s)

-- erase_enrolment_keys --
UPDATE members.enrolment_keys SET request_hash = NULL
WHERE program_id = %(program_id)s AND member_id = ANY(%(member_ids)s) AND request_hash IS NOT NULL

-- erase_warnings --
-- They name nobody, but somebody may be about to write a letter because of them.
DELETE FROM workers.warnings WHERE program_id = %(program_id)s AND account_id = ANY(%(account_ids)s)

-- mark_erased --
UPDATE members.members SET erased_at = %(erased_at)s
WHERE program_id = %(program_id)s AND member_id = ANY(%(member_ids)s)

-- totals --
SELECT b.point_currency, sum(b.balance_points)::bigint AS booked, sum(b.accrued_points)::bigint AS accrued
FROM views.accounts AS a
INNER JOIN views.balances AS b ON b.partition = a.partition AND b.account_id = a.account_id
WHERE a.program_id = %(program_id)s GROUP BY b.point_currency ORDER BY b.point_currency

-- shown --
-- Up to where the totals go, by partition.
SELECT partition::text, position FROM views.tracking WHERE view = 'balances' ORDER BY partition

-- link --
SELECT position, encode(hash, 'hex') FROM ledger.events
WHERE partition = %(partition)s AND stream_id = %(stream_id)s AND version = %(version)s

-- head --
SELECT position, encode(hash, 'hex') FROM ledger.heads WHERE partition = %(partition)s

-- prove --
INSERT INTO members.erasures (program_id, member_id, request, principal, asked_at, proof)
VALUES (%(program_id)s, %(member_id)s, %(request)s, %(principal)s, %(asked_at)s, %(proof)s)
ON CONFLICT (program_id, member_id) DO UPDATE SET proof = excluded.proof WHERE members.erasures.proof IS NULL
