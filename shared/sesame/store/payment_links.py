"""Payment links: what each may pay, until when, and the tries made through it. Tokens are kept nowhere."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sesame.store import keys
from sesame.store.table import NOT_THERE, Item, Put, Table, Update

KEPT = timedelta(days=90)
"""How long a link stays listed once it has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentLink:
    """What somebody may pay for a tenant without an account. Cents; times in UTC."""

    link_id: str
    person_id: str
    lease_id: str
    residence_id: str
    cap_cents: int
    """What may be paid through it in all."""
    created_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None
    tries: Mapping[str, int] = field(default_factory=dict)
    """Payments begun through it, and what each asked for."""
    version: int = 1


@dataclass(frozen=True, slots=True)
class PaymentLinks:
    """The payment links of the money table."""

    table: Table

    def get(self, link_id: str) -> PaymentLink | None:
        """A link, strongly consistent."""
        item = self.table.get(keys.payment_link(link_id))
        return link_of(item) if item else None

    def of_lease(self, lease_id: str, *, limit: int) -> list[PaymentLink]:
        """A lease's newest links, newest first. One query of the index."""
        page = self.table.query(
            keys.payments_of_lease(lease_id), "LINK#", index=keys.GSI1, limit=limit, forward=False
        )
        return [link_of(item) for item in page.items]

    def creating(self, link: PaymentLink) -> Put:
        """The write of a new link."""
        return Put(table=self.table.name, item=_item(link), condition=NOT_THERE)

    def using(self, link: PaymentLink, payment_id: str, cents: int) -> Update:
        """The write that notes a try, if the link is as it was read: two at one moment cannot both count as
        the first. It goes into the transaction that begins the payment."""
        return Update(
            table=self.table.name,
            key=keys.payment_link(link.link_id),
            expression="SET tries.#payment = :cents, version = version + :one",
            condition="version = :before AND attribute_not_exists(revoked_at)",
            names={"#payment": payment_id},
            values={":cents": cents, ":one": 1, ":before": link.version},
        )

    def revoking(self, link: PaymentLink, at: datetime) -> Update:
        """The write that ends a link at once."""
        return Update(
            table=self.table.name,
            key=keys.payment_link(link.link_id),
            expression="SET revoked_at = :at, version = version + :one",
            condition="lease_id = :lease AND attribute_not_exists(revoked_at)",
            values={":at": at.isoformat(), ":one": 1, ":lease": link.lease_id},
        )


def link_of(item: Item) -> PaymentLink:
    """A link's item, read."""
    return PaymentLink(
        link_id=item["link_id"],
        person_id=item["person_id"],
        lease_id=item["lease_id"],
        residence_id=item["residence_id"],
        cap_cents=item["cap_cents"],
        created_at=datetime.fromisoformat(item["created_at"]),
        ends_at=datetime.fromisoformat(item["ends_at"]),
        revoked_at=datetime.fromisoformat(item["revoked_at"]) if "revoked_at" in item else None,
        tries=item["tries"],
        version=item["version"],
    )


def _item(link: PaymentLink) -> Item:
    return {
        **keys.payment_link(link.link_id),
        "gsi1pk": keys.payments_of_lease(link.lease_id),
        "gsi1sk": f"LINK#{link.created_at.isoformat()}",
        "link_id": link.link_id,
        "person_id": link.person_id,
        "lease_id": link.lease_id,
        "residence_id": link.residence_id,
        "cap_cents": link.cap_cents,
        "created_at": link.created_at.isoformat(),
        "ends_at": link.ends_at.isoformat(),
        "tries": dict(link.tries),
        "version": link.version,
        "expires_at": int((link.ends_at + KEPT).timestamp()),
    }
