"""Writes to who has not answered in a renewal campaign: at its opening and on its reminders' days, once each.

Every hour the run looks at the residences whose own clock says that it is sending time, so that each is gone
through once a step, on its own day. A run that dies half-way is made up for by the next hour's.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from time import monotonic

from sesame.domain.calendar import IsHoliday, is_sending_time, local_date
from sesame.domain.renewals import Campaign, RenewalState
from sesame.domain.tenancy import Lease, Residence
from sesame.domain.territories import holidays_of
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.platform.logs import count
from sesame.store import keys
from sesame.store.people import lease_of, residence_of
from sesame.store.renewals import Campaigns, Renewal, RenewalMarks, Renewals
from sesame.store.table import Key, Table

JOB = "renewals"
LEASES_A_PAGE = 100
_EITHER_WAY = timedelta(days=1)
"""Between the UTC day and a residence's own."""
_MARKS_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRenewals:
    """What a run did. `finished` is False when it ran out of time: the next hour's run goes on."""

    residences: int
    """How many had a step to take in their sending hours."""
    told: int
    finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalReminderRun:
    """The hourly run over the campaigns that are open."""

    identity: Table
    operations: Table
    budget: timedelta
    holidays: Callable[[Residence], IsHoliday] = holidays_of
    seconds: Callable[[], float] = monotonic

    def plan(self, now: datetime) -> PlannedRenewals:
        """Announces what is due at `now` (UTC). Safe to repeat."""
        ends_at = self.seconds() + self.budget.total_seconds()
        residences = told = 0
        finished = True
        for campaign, residence, step in list(self._steps(now)):
            if self.seconds() > ends_at:
                finished = False
                count("RenewalRunUnfinished")
                break
            residences += 1
            told += self._tell(campaign, residence, step, now)
        planned = PlannedRenewals(residences=residences, told=told, finished=finished)
        self._record(planned, now)
        return planned

    def _steps(self, now: datetime) -> Iterator[tuple[Campaign, Residence, date]]:
        """The residences, awake now, in which a campaign's step is not done yet."""
        today = now.date()
        campaigns = [
            one
            for one in Campaigns(self.identity).all()
            if one.opens_on - _EITHER_WAY <= today <= one.closes_on + _EITHER_WAY
        ]
        if not campaigns:
            return
        awake = [
            residence
            for item in self.identity.query_all(keys.residences())
            if is_sending_time(now, (residence := residence_of(item)).time_zone, self.holidays(residence))
        ]
        marks = RenewalMarks(self.operations)
        for campaign in campaigns:
            done: dict[date, set[str]] = {}
            for residence in awake:
                step = campaign.step_on(local_date(now, residence.time_zone))
                if step is None or not campaign.scope.includes(residence.residence_id):
                    continue
                if step not in done:
                    done[step] = marks.done(campaign.campaign_id, step)
                if residence.residence_id not in done[step]:
                    yield campaign, residence, step

    def _tell(self, campaign: Campaign, residence: Residence, step: date, now: datetime) -> int:
        """Announces the step to everybody in a residence who has not answered, then marks it as done."""
        renewals, told = Renewals(self.identity), 0
        today = local_date(now, residence.time_zone)
        for leases in self._pages(residence.residence_id):
            about = [one for one in leases if campaign.is_about(one, today)]
            known = renewals.of_leases([one.lease_id for one in about], campaign.campaign_id)
            for lease in about:
                before = known.get(lease.lease_id) or _first(lease, campaign)
                if before.state is not RenewalState.INVITED or (
                    before.reminded_on is not None and before.reminded_on >= step
                ):
                    continue
                after = replace(before, reminded_on=step)
                told += renewals.invite(after, _due(after, step, now))
        marks = RenewalMarks(self.operations)
        expires_at = int((now + _MARKS_KEPT).timestamp())
        marks.mark(campaign.campaign_id, step, residence.residence_id, told=told, expires_at=expires_at)
        return told

    def _pages(self, residence_id: str) -> Iterator[list[Lease]]:
        partition = keys.leases_of_residence(residence_id)
        start: Key | None = None
        while True:
            page = self.identity.query(partition, index=keys.GSI1, start=start, limit=LEASES_A_PAGE)
            yield [lease_of(item) for item in page.items]
            if page.next is None:
                return
            start = page.next

    def _record(self, planned: PlannedRenewals, now: datetime) -> None:
        self.operations.put(
            {
                **keys.run(JOB, now.isoformat(timespec="minutes")),
                "for": now.isoformat(),
                "residences": planned.residences,
                "told": planned.told,
                "finished": planned.finished,
                "version": 1,
            }
        )
        count("RenewalRun")


def _first(lease: Lease, campaign: Campaign) -> Renewal:
    return Renewal(
        lease_id=lease.lease_id,
        person_id=lease.person_id,
        residence_id=lease.residence_id,
        campaign_id=campaign.campaign_id,
    )


def _due(renewal: Renewal, step: date, now: datetime) -> dict[str, str]:
    return announcement(
        "renewal.due",
        now,
        id=derived_id("renewal.due", renewal.lease_id, renewal.campaign_id, step.isoformat()),
        lease_id=renewal.lease_id,
        campaign_id=renewal.campaign_id,
        step=step.isoformat(),
    )
