-- news --
-- The directory's revision, and then partition and position of every head: what tells whether memory is up to date. An
-- expression, because it is asked for in passing.
(
    SELECT concat_ws(' ', (SELECT revision FROM members.revision), string_agg(concat_ws(' ', partition, position), ' '))
    FROM ledger.heads
)
