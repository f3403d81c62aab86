"""Commands of an operator. Each imports what it needs when it runs, so that help is instant."""

# In the order in which help lists them.
# isort: off
from khaywe.cli.commands import serving
from khaywe.cli.commands import admission
from khaywe.cli.commands import programs
from khaywe.cli.commands import work
from khaywe.cli.commands import read_side
from khaywe.cli.commands import audit
from khaywe.cli.commands import books
from khaywe.cli.commands import tills
# isort: on

__all__ = ["admission", "audit", "books", "programs", "read_side", "serving", "tills", "work"]
