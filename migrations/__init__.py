"""Schema history in plain SQL, and the small runner that applies it."""

from migrations.runner import Migration, MigrationError, migrate, migrations, pending

__all__ = ["Migration", "MigrationError", "migrate", "migrations", "pending"]
