-- Where the programs begin, so that they can be listed: of millions of events these are a handful, and nothing else
-- leads to them. The index holds only them; a posting that creates no program does not touch it. Locks: SHARE on
-- ledger.events, so posting waits meanwhile. Runtime: reads the events once, about a second per three million.

CREATE INDEX events_programs_v1 ON ledger.events (partition, position) WHERE topic = 'program.created.v1';
