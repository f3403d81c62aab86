"""
Rules as SQL, to be run by the warehouse where the customers are.

``check`` says what has no exact form in SQL; ``statements`` writes it; ``execute`` has it run. Only the first can be
imported at no cost, which is why nothing but it is offered here: the others bring Ibis.
"""

from rules.sql.check import IN_SQL, check_sql, require_sql
from rules.sql.dialects import DIALECTS, TRAITS, Dialect
from rules.sql.tables import Members, Table

__all__ = ["DIALECTS", "IN_SQL", "TRAITS", "Dialect", "Members", "Table", "check_sql", "require_sql"]
