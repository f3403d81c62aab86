"""Schema history in plain SQL, and the small runner that applies it."""

from migrations.runner import Migration, MigrationError, is_up_to_date, migrate, migrations, pending

__all__ = ["Migration", "MigrationError", "is_up_to_date", "migrate", "migrations", "pending"]
