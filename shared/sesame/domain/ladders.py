"""What a residence's ladder of reminders must be, so that whoever sets one hears of every fault at once."""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise

from sesame.domain.tenancy import Channel, ReminderSettings, ReminderStep, RenewalBlock, Surcharge
from sesame.domain.territories import TERRITORIES

FORMAL_AFTER_DAYS = 8
"""A formal notice is no first word: so many days late at least."""

type Faults = Iterator[tuple[str, str]]
"""(field, what is wrong with it, in English and short: the field is in the settings' own form)"""


def faults(settings: ReminderSettings, before: ReminderSettings, today: date) -> Faults:
    """Every fault of new settings, given those before; none for what may be kept."""
    yield from _in_order("steps", settings.steps)
    yield from _in_order("plan_steps", settings.plan_steps)
    names = [step.name for step in (*settings.steps, *settings.plan_steps)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield "steps", f"the name {name} is there twice"
    yield from _formal(settings.steps)
    if any(step.formal_notice for step in settings.plan_steps):
        yield "plan_steps", "a formal notice belongs to the ladder, which a broken plan returns to"
    if settings.territory and settings.territory not in TERRITORIES:
        yield "territory", f"one of {', '.join(TERRITORIES)}"
    if settings.surcharge is not None and settings.surcharge != before.surcharge:
        yield from _surcharge(settings.surcharge, settings.steps, today)
    if settings.renewal_block is not None and settings.renewal_block != before.renewal_block:
        yield from _renewal_block(settings.renewal_block, settings.steps, today)


def _in_order(field: str, steps: Sequence[ReminderStep]) -> Faults:
    for number, (one, following) in enumerate(pairwise(steps)):
        if following.days <= one.days:
            yield f"{field}[{number + 1}].days", "steps come in the order of their days, one a day"
    for number, step in enumerate(steps):
        if not step.channels or len(set(step.channels)) < len(step.channels):
            yield f"{field}[{number}].channels", "each channel once, one at least"


def _formal(steps: Sequence[ReminderStep]) -> Faults:
    formal = [(number, step) for number, step in enumerate(steps) if step.formal_notice]
    for number, _ in formal[1:]:
        yield f"steps[{number}].formal_notice", "a ladder has one formal notice at most"
    for number, step in formal:
        if step.days < FORMAL_AFTER_DAYS:
            yield f"steps[{number}].days", f"a formal notice comes {FORMAL_AFTER_DAYS} days late at least"
        if not any(0 < other.days < step.days for other in steps):
            yield f"steps[{number}].formal_notice", "a reminder of being late comes before it"
        if Channel.EMAIL not in step.channels:
            yield f"steps[{number}].channels", "the document is told of by e-mail"


def _surcharge(rule: Surcharge, steps: Sequence[ReminderStep], today: date) -> Faults:
    if rule.flat_cents + rule.basis_points == 0:
        yield "surcharge.flat_cents", "a flat amount, a share, or both; leave it out for none"
    if rule.cap_cents < max(rule.flat_cents, 1):
        yield "surcharge.cap_cents", "not below the flat amount"
    if not any(step.days < rule.grace_days for step in steps):
        yield "surcharge.grace_days", "a reminder says that it will apply before it does"
    if rule.applies_from < today:
        yield "surcharge.applies_from", "today or later: nobody bears what was not announced"


def _renewal_block(rule: RenewalBlock, steps: Sequence[ReminderStep], today: date) -> Faults:
    if not any(0 < step.days < rule.days for step in steps):
        yield "renewal_block.days", "a reminder of being late says that it will apply before it does"
    if rule.applies_from < today:
        yield "renewal_block.applies_from", "today or later: nobody bears what was not announced"
