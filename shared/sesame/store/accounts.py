"""Accounts: a lease's journal in one partition, with the fold's checkpoint beside it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sesame.domain.journal import (
    EMPTY,
    Checkpoint,
    Entry,
    EntryKind,
    Outstanding,
    Position,
    notice_entry_id,
)
from sesame.domain.notices import Adjustment, LineKind, Notice, NoticeLine
from sesame.platform.events import announcement
from sesame.platform.ids import derived_id
from sesame.store import keys
from sesame.store.table import NOT_THERE, Check, ConditionFailed, Item, Key, Put, Table, Update


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where a lease's account stands. `version` 0: nothing is stored yet."""

    lease_id: str
    residence_id: str
    checkpoint: Checkpoint = EMPTY
    next_step_at: datetime | None = None
    """When the reminders' planner must look at it; None while nothing is owed."""
    adjustments: tuple[Adjustment, ...] = ()
    """What staff added for the next notice."""
    lease_version: int = 0
    """The version that the lease had when its terms last changed: whoever bills must have read it or a later
    one, so that no notice goes out on terms that hold no more."""
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedNotice:
    """A rent notice, and when it was issued (UTC)."""

    notice: Notice
    issued_at: datetime

    @property
    def entry_id(self) -> str:
        """Of the debit that it is."""
        return notice_entry_id(self.notice.period, self.notice.number)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAdjustment:
    """An adjustment as staff asked for it: who, when, why in a word; and whether it waited for a notice."""

    adjustment: Adjustment
    asked_at: datetime
    reason: str
    by: str
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """All that a lease's account holds; notices are among the entries too."""

    account: Account | None
    notices: tuple[IssuedNotice, ...]
    """Those that stand: one a period at most."""
    entries: tuple[Entry, ...]
    withdrawn: tuple[IssuedNotice, ...] = ()
    """Those that a credit note has taken away."""
    asked: tuple[AskedAdjustment, ...] = ()
    """All that staff ever added, whatever became of it."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of the money table."""

    table: Table

    def key(self, lease_id: str) -> Key:
        """Where a lease's checkpoint is kept, for those who read it along with other items."""
        return keys.account(lease_id)

    def get(self, lease_id: str) -> Account | None:
        """Balance, credit and what is outstanding, in one strongly consistent read."""
        item = self.table.get(keys.account(lease_id))
        return account_of(item) if item else None

    def journal(self, lease_id: str) -> Journal:
        """The whole account, in one query."""
        account: Account | None = None
        notices: list[IssuedNotice] = []
        entries: list[Entry] = []
        asked: list[AskedAdjustment] = []
        for item in self.table.query_all(keys.account(lease_id)["pk"]):
            if item["sk"] == keys.account(lease_id)["sk"]:
                account = account_of(item)
                continue
            if "adjustment_id" in item:
                asked.append(_asked_of(item))
                continue
            entries.append(_entry_of(item))
            if item["kind"] == EntryKind.NOTICE:
                notices.append(_notice_of(item))
        gone = {entry.credits for entry in entries if entry.withdraws}
        return Journal(
            account=account,
            notices=tuple(one for one in notices if one.entry_id not in gone),
            entries=tuple(entries),
            withdrawn=tuple(one for one in notices if one.entry_id in gone),
            asked=tuple(asked),
        )

    def due(self, residence_id: str, now: datetime) -> Iterator[Account]:
        """The accounts of a residence that a reminder's step waits for, the longest waiting first."""
        start: Key | None = None
        while True:
            page = self.table.query(
                keys.due_accounts(residence_id), index=keys.GSI1, up_to=now.isoformat(), start=start
            )
            yield from map(account_of, page.items)
            if page.next is None:
                return
            start = page.next

    def move_step(
        self, account: Account, next_step_at: datetime | None, announce: Mapping[str, str] | None = None
    ) -> bool:
        """Set when to look at an account again (None: never), and announce the step taken, if one was.

        False when the account was changed since it was read: then nothing is written. The step is a change
        like any other, a version of its own: an entry posted meanwhile is thought over again with it.
        """
        if account.next_step_at is None:
            return False
        sets, removes = ["version = :after"], ""
        values: dict[str, Any] = {
            ":due": account.next_step_at.isoformat(),
            ":before": account.version,
            ":after": account.version + 1,
        }
        if next_step_at is None:
            removes = " REMOVE gsi1pk, gsi1sk"
        else:
            sets.append("gsi1sk = :next")
            values[":next"] = next_step_at.isoformat()
        if announce is not None:
            sets.append("announce = :announce")
            values[":announce"] = dict(announce)
        try:
            self.table.update(
                keys.account(account.lease_id),
                f"SET {', '.join(sets)}{removes}",
                # the version too: a new notice may leave the instant as it was
                condition="gsi1sk = :due AND version = :before",
                values=values,
            )
        except ConditionFailed:
            return False
        return True

    def unchanged(self, account: Account) -> Check:
        """Holds an account to the version that was read, for what is written on the strength of it."""
        return Check(
            table=self.table.name,
            key=keys.account(account.lease_id),
            condition="version = :read",
            values={":read": account.version},
        )

    def saving(
        self,
        before: Account,
        checkpoint: Checkpoint,
        next_step_at: datetime | None,
        *,
        adjustments: Sequence[Adjustment] | None = None,
        lease_version: int | None = None,
    ) -> Update:
        """The write that brings an account to a checkpoint, if nobody changed it since it was read.

        The reminders' instant is written where it changes, `adjustments` and `lease_version` where given.
        """
        values = {f":{name}": value for name, value in _checkpoint_item(checkpoint).items()}
        sets = [f"{name[1:]} = {name}" for name in values]
        sets += ["lease_id = :lease_id", "residence_id = :residence_id", "version = :after"]
        values |= {
            ":lease_id": before.lease_id,
            ":residence_id": before.residence_id,
            ":after": before.version + 1,
        }
        removes = [] if checkpoint.folded_to else ["folded_to"]
        if adjustments is not None and tuple(adjustments) != before.adjustments:
            if adjustments:
                sets.append("adjustments = :adjustments")
                values[":adjustments"] = [asdict(one) for one in adjustments]
            else:
                removes.append("adjustments")
        if lease_version is not None:
            sets.append("lease_version = :lease_version")
            values[":lease_version"] = lease_version
        if next_step_at != before.next_step_at:
            if next_step_at is None:
                removes += ["gsi1pk", "gsi1sk"]
            else:
                sets += ["gsi1pk = :due", "gsi1sk = :next"]
                values |= {":due": keys.due_accounts(before.residence_id), ":next": next_step_at.isoformat()}
        if before.version:
            values[":before"] = before.version
        return Update(
            table=self.table.name,
            key=keys.account(before.lease_id),
            expression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
            condition="version = :before" if before.version else NOT_THERE,
            values=values,
        )

    def issuing(self, notice: Notice, issued_at: datetime, *, silently: bool = False) -> Put:
        """The write that issues a notice, once a lease, period and number, and announces it."""
        entry = notice_entry(notice, issued_at)
        announce = announcement(
            "notice.issued",
            issued_at,
            id=derived_id("notice.issued", notice.lease_id, notice.period, *_again(notice)),
            lease_id=notice.lease_id,
            period=notice.period,
            **({"number": str(notice.number)} if notice.number > 1 else {}),
        )
        item = {
            **keys.notice(notice.lease_id, notice.period, notice.number),
            **_entry_item(entry),
            "lease_id": notice.lease_id,
            "residence_id": notice.residence_id,
            "starts_on": notice.starts_on.isoformat(),
            "ends_on": notice.ends_on.isoformat(),
            "lines": [_line_item(line) for line in notice.lines],
            "number": notice.number if notice.number > 1 else None,
            "announce": None if silently else announce,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)

    def crediting(self, lease_id: str, note: Entry, recorded_at: datetime, *, reason: str, by: str) -> Put:
        """The write of a credit note, once; it announces that a month's notice is no more what it was.

        `reason` is why, in a word; `by` the member of staff.
        """
        announce = announcement(
            "notice.corrected",
            recorded_at,
            id=derived_id("notice.corrected", lease_id, note.entry_id),
            lease_id=lease_id,
            period=note.period or "",
        )
        return self.entering(lease_id, note, recorded_at, reason=reason, by=by, announce=announce)

    def asking(self, lease_id: str, asked: AskedAdjustment) -> Put:
        """The write that keeps what staff asked for, once an id."""
        item = {
            **keys.adjustment(lease_id, asked.adjustment.adjustment_id),
            **asdict(asked.adjustment),
            "recorded_at": asked.asked_at.isoformat(),
            "reason": asked.reason,
            "by": asked.by,
            "waits": asked.waits,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)

    def entering(self, lease_id: str, entry: Entry, recorded_at: datetime, **more: object) -> Put:
        """The write that adds an entry other than a notice, once; one that takes money back is announced.

        Whoever takes it, a desk or a provider: papers that rest on the money are looked at again.
        """
        told = announcement(
            "account.changed",
            recorded_at,
            id=derived_id("account.changed", lease_id, entry.entry_id),
            lease_id=lease_id,
        )
        item = {
            **keys.entry(lease_id, entry.entry_id),
            **_entry_item(entry),
            "recorded_at": recorded_at.isoformat(),
            "announce": told if entry.takes_back else None,
            **more,
        }
        return Put(table=self.table.name, item=item, condition=NOT_THERE)


def notice_entry(notice: Notice, issued_at: datetime) -> Entry:
    """The debit that a notice is."""
    return Entry(
        entry_id=notice_entry_id(notice.period, notice.number),
        kind=EntryKind.NOTICE,
        amount_cents=notice.amount_cents,
        effective_at=issued_at,
        period=notice.period,
        due_on=notice.due_on,
    )


def _again(notice: Notice) -> tuple[str, ...]:
    return (str(notice.number),) if notice.number > 1 else ()


def account_of(item: Item) -> Account:
    """An account's item, read."""
    return Account(
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        checkpoint=Checkpoint(
            balance_cents=item["balance_cents"],
            credit_cents=item["credit_cents"],
            outstanding=tuple(_outstanding_of(one) for one in item["outstanding"]),
            folded_to=_position_of(item["folded_to"]) if "folded_to" in item else None,
            unmatched=item["unmatched"],
        ),
        next_step_at=datetime.fromisoformat(item["gsi1sk"]) if "gsi1sk" in item else None,
        adjustments=tuple(Adjustment(**one) for one in item.get("adjustments", ())),
        lease_version=item.get("lease_version", 0),
        version=item["version"],
    )


def _checkpoint_item(checkpoint: Checkpoint) -> dict[str, Any]:
    item: dict[str, Any] = {
        "balance_cents": checkpoint.balance_cents,
        "credit_cents": checkpoint.credit_cents,
        "outstanding": [
            {
                "entry_id": one.entry_id,
                "period": one.period,
                "due_on": one.due_on.isoformat(),
                "amount_cents": one.amount_cents,
                "paid_cents": one.paid_cents,
                "issued_at": one.issued_at.isoformat(),
            }
            for one in checkpoint.outstanding
        ],
        "unmatched": checkpoint.unmatched,
    }
    if checkpoint.folded_to:
        at, entry_id = checkpoint.folded_to
        item["folded_to"] = {"at": at.isoformat(), "entry_id": entry_id}
    return item


def _outstanding_of(item: Item) -> Outstanding:
    return Outstanding(
        entry_id=item["entry_id"],
        period=item.get("period"),
        due_on=date.fromisoformat(item["due_on"]),
        amount_cents=item["amount_cents"],
        paid_cents=item["paid_cents"],
        issued_at=datetime.fromisoformat(item["issued_at"]),
    )


def _position_of(item: Item) -> Position:
    return Position(datetime.fromisoformat(item["at"]), item["entry_id"])


def _entry_item(entry: Entry) -> dict[str, Any]:
    return {
        "entry_id": entry.entry_id,
        "kind": entry.kind.value,
        "amount_cents": entry.amount_cents,
        "effective_at": entry.effective_at.isoformat(),
        "period": entry.period,
        "due_on": entry.due_on.isoformat() if entry.due_on else None,
        "designated": list(entry.designated) or None,
        "source": entry.source,
        "reverses": entry.reverses,
        "corrects": entry.corrects,
        "method": entry.method,
        "credits": entry.credits,
        "withdraws": entry.withdraws or None,
        "replaced_by": entry.replaced_by,
        "label": entry.label,
    }


def _entry_of(item: Item) -> Entry:
    return Entry(
        entry_id=item["entry_id"],
        kind=EntryKind(item["kind"]),
        amount_cents=item["amount_cents"],
        effective_at=datetime.fromisoformat(item["effective_at"]),
        period=item.get("period"),
        due_on=date.fromisoformat(item["due_on"]) if "due_on" in item else None,
        designated=tuple(item.get("designated", ())),
        source=item.get("source"),
        reverses=item.get("reverses"),
        corrects=item.get("corrects"),
        method=item.get("method"),
        credits=item.get("credits"),
        withdraws=item.get("withdraws", False),
        replaced_by=item.get("replaced_by"),
        label=item.get("label"),
    )


def _asked_of(item: Item) -> AskedAdjustment:
    return AskedAdjustment(
        adjustment=Adjustment(
            adjustment_id=item["adjustment_id"], amount_cents=item["amount_cents"], label=item["label"]
        ),
        asked_at=datetime.fromisoformat(item["recorded_at"]),
        reason=item["reason"],
        by=item["by"],
        waits=item["waits"],
    )


def _line_item(line: NoticeLine) -> dict[str, Any]:
    named = {"room": line.room or None, "label": line.label or None}
    return named | {
        "kind": line.kind.value,
        "starts_on": line.starts_on.isoformat(),
        "ends_on": line.ends_on.isoformat(),
        "monthly_cents": line.monthly_cents,
        "amount_cents": line.amount_cents,
    }


def _notice_of(item: Item) -> IssuedNotice:
    return IssuedNotice(
        notice=Notice(
            lease_id=item["lease_id"],
            residence_id=item["residence_id"],
            period=item["period"],
            starts_on=date.fromisoformat(item["starts_on"]),
            ends_on=date.fromisoformat(item["ends_on"]),
            due_on=date.fromisoformat(item["due_on"]),
            lines=tuple(
                NoticeLine(
                    kind=LineKind(line["kind"]),
                    starts_on=date.fromisoformat(line["starts_on"]),
                    ends_on=date.fromisoformat(line["ends_on"]),
                    monthly_cents=line["monthly_cents"],
                    amount_cents=line["amount_cents"],
                    room=line.get("room", ""),
                    label=line.get("label", ""),
                )
                for line in item["lines"]
            ),
            number=item.get("number", 1),
        ),
        issued_at=datetime.fromisoformat(item["effective_at"]),
    )
