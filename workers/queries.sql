-- take_lease --
-- Take or renew a lease; nothing comes back if somebody else holds it. The database's clock decides, not ours.
INSERT INTO workers.leases AS l (name, holder, expires_at)
VALUES (%(name)s, %(holder)s, clock_timestamp() + make_interval(secs => %(seconds)s))
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, expires_at = excluded.expires_at
WHERE l.holder = excluded.holder OR l.expires_at < clock_timestamp()
RETURNING name

-- leave_lease --
DELETE FROM workers.leases WHERE name = %(name)s AND holder = %(holder)s

-- start_run --
INSERT INTO workers.runs (run_id, job, as_of, started_at, status)
VALUES (%(run_id)s, %(job)s, %(as_of)s, clock_timestamp(), 'running')

-- progress_run --
UPDATE workers.runs SET
    account_count = %(account_count)s, event_count = %(event_count)s, refused_count = %(refused_count)s
WHERE run_id = %(run_id)s

-- end_run --
UPDATE workers.runs SET
    account_count = %(account_count)s,
    event_count = %(event_count)s,
    refused_count = %(refused_count)s,
    status = %(status)s,
    detail = %(detail)s,
    finished_at = clock_timestamp()
WHERE run_id = %(run_id)s

-- interrupt_runs --
-- Whoever holds the lease knows that nobody else runs this job: what still says so was killed.
UPDATE workers.runs SET status = 'interrupted', finished_at = clock_timestamp(), detail = 'the worker was stopped'
WHERE job = %(job)s AND status = 'running'

-- is_completed --
SELECT 1 FROM workers.completed WHERE job = %(job)s AND key = %(key)s

-- complete --
INSERT INTO workers.completed (job, key, completed_at) VALUES (%(job)s, %(key)s, clock_timestamp())
ON CONFLICT DO NOTHING

-- programs --
-- Programs that have members, by skipping from one to the next in the index instead of reading all members.
WITH RECURSIVE found AS (
    (SELECT program_id FROM members.members ORDER BY program_id LIMIT 1)
    UNION ALL
    SELECT (SELECT m.program_id FROM members.members AS m WHERE m.program_id > f.program_id ORDER BY m.program_id LIMIT 1)
    FROM found AS f WHERE f.program_id IS NOT NULL
)
SELECT program_id FROM found WHERE program_id IS NOT NULL ORDER BY program_id

-- warn --
INSERT INTO workers.warnings (program_id, account_id, kind, subject, due_on, member_id, points, warned_at)
VALUES (%(program_id)s, %(account_id)s, %(kind)s, %(subject)s, %(due_on)s, %(member_id)s, %(points)s, %(warned_at)s)
ON CONFLICT DO NOTHING

-- check_balances --
-- Booked points are what is open in lots, plus what is held, less what is owed. One statement sees one moment, and
-- views write a page as a whole.
WITH lots AS (
    SELECT account_id, point_currency, sum(open_points) AS open_points
    FROM views.lots WHERE partition = %(partition)s GROUP BY account_id, point_currency
)
SELECT
    count(*),
    count(*) FILTER (WHERE coalesce(b.balance_points, 0)
        <> coalesce(l.open_points, 0) + coalesce(b.held_points, 0) - coalesce(b.owed_points, 0)),
    coalesce((array_agg(coalesce(b.account_id, l.account_id)::text) FILTER (WHERE coalesce(b.balance_points, 0)
        <> coalesce(l.open_points, 0) + coalesce(b.held_points, 0) - coalesce(b.owed_points, 0)))[1], '')
FROM (SELECT * FROM views.balances WHERE partition = %(partition)s) AS b
FULL JOIN lots AS l ON l.account_id = b.account_id AND l.point_currency = b.point_currency
