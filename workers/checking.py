"""Whether the books add up: what lots hold must be what balances say."""

from datetime import datetime

import structlog

from ledger.sql import load_queries
from workers.runs import OnProgress, Report
from workers.sweeping import Deps

_SQL = load_queries("workers")
_log = structlog.get_logger("worker")


def check_balances(deps: Deps, _: datetime, on_progress: OnProgress) -> Report:
    """
    Compare the balances of every account with its lots, as the views show them.

    It reads two tables and repairs nothing: where it finds a difference, ``khaywe views rebuild --compare-only`` tells
    whether the views or the events are wrong. What does not add up is counted as refused.
    """
    report = Report()
    with deps.connect() as connection:
        for partition in range(deps.partition_count):
            row = connection.execute(_SQL["check_balances"], {"partition": partition}).fetchone()
            assert row is not None
            balance_count, wrong_count, account_id = row
            report.account_count += balance_count
            report.refused_count += wrong_count
            if wrong_count:
                report.detail = f"{report.refused_count} balances are not what their lots hold, as of {account_id}"
                _log.error(
                    "balances_do_not_add_up", partition=partition, balance_count=wrong_count, account_id=account_id
                )
            on_progress(report)
    return report
