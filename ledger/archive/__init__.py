"""
Old events outside of the database: Parquet segments with their chain, and what the database keeps in their place.

Once an archive is verified and a person confirms, the states of old account events leave the hot table. Position,
stream, version, topic, time and link stay; the state becomes a *reference* of a few bytes (`ledger.archive.packs`).
Whoever reads events reads both through `ledger.archive.cold`.
"""
