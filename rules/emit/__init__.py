"""How operators are written in Python, by theme; the table of `rules.operators` says which is which."""
