"""Who may call: keys, users, sessions, limits, and the record of all that."""
