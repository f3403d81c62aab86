-- take_key --
-- Who takes the same key at the same time waits here until we are done.
INSERT INTO members.enrolment_keys (source, key, request_hash, program_id, enrolled_at)
VALUES (%(source)s, %(key)s, %(request_hash)s, %(program_id)s, %(enrolled_at)s)
ON CONFLICT DO NOTHING

-- key --
SELECT request_hash, member_id FROM members.enrolment_keys WHERE source = %(source)s AND key = %(key)s

-- keep_key --
UPDATE members.enrolment_keys SET member_id = %(member_id)s WHERE source = %(source)s AND key = %(key)s

-- enrolled_by --
UPDATE members.members SET partner = %(partner)s WHERE program_id = %(program_id)s AND member_id = %(member_id)s
