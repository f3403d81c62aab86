"""Time: what runs by itself. Follows the ledger into the views, and records what dates have decided."""
