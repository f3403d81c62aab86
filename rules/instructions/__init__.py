"""Activity as instructions for the poster: where it goes, what makes it unique, how it is decided."""

from rules.instructions.checkout import check_out, settle
from rules.instructions.enrolment import open_account
from rules.instructions.erasure import erase_member
from rules.instructions.holds import capture_hold, hold_points, hold_reference, void_hold
from rules.instructions.moving import accrue_points, adjust_points, reinstate_points
from rules.instructions.purchases import checked_lines, post_purchase, purchase_reference
from rules.instructions.redemptions import redeem, redemption_reference, reverse_redemption
from rules.instructions.repairing import Compensation, RepairRun, compensate
from rules.instructions.returns import return_purchase
from rules.instructions.standing import assign_tier, close_account, lift_suspension, merge_account, suspend_account
from rules.instructions.timing import cancel_points, confirm_points
from rules.instructions.transfers import transfer_points

__all__ = [
    "Compensation",
    "RepairRun",
    "accrue_points",
    "adjust_points",
    "assign_tier",
    "cancel_points",
    "capture_hold",
    "check_out",
    "checked_lines",
    "close_account",
    "compensate",
    "confirm_points",
    "erase_member",
    "hold_points",
    "hold_reference",
    "lift_suspension",
    "merge_account",
    "open_account",
    "post_purchase",
    "purchase_reference",
    "redeem",
    "redemption_reference",
    "reinstate_points",
    "return_purchase",
    "reverse_redemption",
    "settle",
    "suspend_account",
    "transfer_points",
    "void_hold",
]
