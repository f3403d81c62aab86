"""The test cases that `eventsourcing` ships for whoever writes a recorder of their own."""

import sys
from types import SimpleNamespace
from unittest.mock import patch

import eventsourcing.compressor
import eventsourcing.persistence  # noqa: F401  # both before the patch, which forgets what is imported during it

# The module of test cases also holds those for ciphers, and imports a cipher we have no use for.
with patch.dict(sys.modules, {"eventsourcing.cipher": SimpleNamespace(AESCipher=object)}):
    from eventsourcing.tests.persistence import (
        AggregateRecorderTestCase,
        ApplicationRecorderTestCase,
        NonInterleavingNotificationIDsBaseCase,
    )

__all__ = ["AggregateRecorderTestCase", "ApplicationRecorderTestCase", "NonInterleavingNotificationIDsBaseCase"]
