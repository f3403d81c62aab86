"""The chart of accounts, and the version of the posting scheme."""

from typing import Final

SCHEME_VERSION: Final = 2
"""Moves on when the same events would make other entries; a closed period names the one that it was closed with."""

CASH: Final = "1000"
UNBILLED: Final = "1110"
OWN_POINTS: Final = "2000"
PARTNER_POINTS: Final = "2010"
GIVEN_POINTS: Final = "2020"
SERVICE_TO_RENDER: Final = "2030"
REIMBURSEMENT: Final = "2100"
GOODS: Final = "4000"
REDEMPTIONS: Final = "4100"
BREAKAGE: Final = "4110"
SERVICE: Final = "4200"
REWARDS: Final = "5000"
MARKETING: Final = "5100"

MEMBERS_POINTS: Final = "9000"
COUNTER: Final = {
    "issued": "9010",
    "redeemed": "9020",
    "reversed": "9030",
    "expired": "9040",
    "clawed_back": "9050",
    "adjusted": "9060",
    "recovered": "9070",
    "transferred": "9080",
}
"""What stands against the members' points, by column of the roll-forward."""

NAMES: Final = {
    CASH: "Cash and receivables of sales",
    UNBILLED: "Receivables from partners, not billed",
    OWN_POINTS: "Contract liability, own points",
    PARTNER_POINTS: "Contract liability, partner-funded points",
    GIVEN_POINTS: "Liability for points given without a sale",
    SERVICE_TO_RENDER: "Contract liability, service to partners",
    REIMBURSEMENT: "Accrued reimbursement of suppliers",
    GOODS: "Revenue from goods",
    REDEMPTIONS: "Revenue from redemptions",
    BREAKAGE: "Revenue from breakage",
    SERVICE: "Revenue from service, and margins as agent",
    REWARDS: "Cost of rewards",
    MARKETING: "Marketing expense",
    MEMBERS_POINTS: "Points of members",
    "9010": "Points issued",
    "9020": "Points redeemed",
    "9030": "Redemptions reversed",
    "9040": "Points expired",
    "9050": "Points clawed back",
    "9060": "Points adjusted",
    "9070": "Points that paid debts",
    "9080": "Points transferred",
}
LIABILITIES: Final = (OWN_POINTS, PARTNER_POINTS, GIVEN_POINTS, SERVICE_TO_RENDER)
"""Accounts that equal the cohorts' sub-ledger."""
