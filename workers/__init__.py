"""Time: what runs by itself. Follows the ledger into the views; jobs come with the issue on points over time."""
