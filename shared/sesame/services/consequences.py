"""What being late leads to, of an account as it stands: for whoever shows it before it applies."""

from datetime import datetime

from sesame.domain.consequences import (
    BlockState,
    FormalNoticeToCome,
    formal_notice_to_come,
    renewal_block,
)
from sesame.domain.tenancy import Residence
from sesame.store.accounts import Account


def formal_notice_of(account: Account, residence: Residence, now: datetime) -> FormalNoticeToCome | None:
    """The formal notice that comes next, unless it is paid before; none by settings that nobody has read."""
    if not residence.confirmed:
        return None
    return formal_notice_to_come(
        account.dun(now), residence.reminders, time_zone=residence.time_zone, now=now
    )


def block_of(account: Account, residence: Residence, now: datetime) -> BlockState | None:
    """Where it stands by the rule on renewal; None where its residence has none."""
    return renewal_block(
        account.dun(now),
        account.block_waived,
        residence.reminders,
        time_zone=residence.time_zone,
        now=now,
    )
