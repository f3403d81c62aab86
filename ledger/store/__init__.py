"""The event store: append-only, hash-chained, gapless, on PostgreSQL."""
