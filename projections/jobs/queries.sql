-- runs --
-- The newest runs, of all jobs or one.
SELECT run_id, job, as_of, started_at, finished_at, status, account_count, event_count, refused_count, detail
FROM workers.runs
WHERE (%(job)s::text IS NULL OR job = %(job)s)
ORDER BY started_at DESC, run_id LIMIT %(limit)s

-- last_runs --
-- The newest run of each job.
SELECT DISTINCT ON (job)
    run_id, job, as_of, started_at, finished_at, status, account_count, event_count, refused_count, detail
FROM workers.runs
ORDER BY job, started_at DESC

-- last_finished --
-- The newest run of each job that came to its end, of those of the last days: an index gives them, however long the
-- history is, and a job that has not finished for a week is known to be in trouble.
SELECT DISTINCT ON (job)
    run_id, job, as_of, started_at, finished_at, status, account_count, event_count, refused_count, detail
FROM workers.runs
WHERE started_at > clock_timestamp() - interval '7 days' AND status = 'finished'
ORDER BY job, started_at DESC

-- warnings --
SELECT account_id, member_id, kind, subject, due_on, points, warned_at FROM workers.warnings
WHERE
    program_id = %(program_id)s
    AND (warned_at, account_id, kind, subject, due_on)
    > (%(warned_at)s, %(account_id)s, %(kind)s, %(subject)s, %(due_on)s)
ORDER BY warned_at, account_id, kind, subject, due_on LIMIT %(limit)s
