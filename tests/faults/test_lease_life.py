"""What is decided of a lease under every fault: whole and once, or not at all."""

from datetime import date
from secrets import token_bytes
from typing import Any

import pytest

from sesame.domain.corrections import corrections, issued_by_period
from sesame.domain.lease_change_files import read_amendment_file
from sesame.domain.lease_life import RoomChange
from sesame.platform.events import Event
from sesame.services.deeds import Deeds
from sesame.services.file_imports import CHUNK_DUE, StoredFiles
from sesame.services.lease_change_imports import AmendmentImports, LeaseChangeWorker
from sesame.store.imports import Imports
from tests.faults.harness import Scene, faults_of, stage
from tests.integration.conftest import Aws
from tests.integration.life_fixtures import MANAGER, NETWORK, Stay
from tests.integration.test_departures import OWED, PAINT, departed, draw_up
from tests.integration.test_lease_terms import OCTOBER, SEPTEMBER


class LifeScene(Scene):
    """A lease whose September and October are billed, and a request that comes until it is answered."""

    def __init__(self, aws: Aws, _: pytest.MonkeyPatch) -> None:
        self.stay = Stay(aws)
        self.prepare()
        aws.pepper.hash("warm", "up")

    def prepare(self) -> None:
        self.stay.bill(SEPTEMBER)
        self.stay.bill(OCTOBER)

    def check(self) -> None:
        """Whatever the lease says, its notices say; the stored account is what its journal comes to."""
        stay, journal = self.stay, self.stay.journal
        residence = stay.terms.people.residence(stay.lease.residence_id)
        assert residence is not None
        notices, withdrawn = ([one.notice for one in some] for some in (journal.notices, journal.withdrawn))
        issued = issued_by_period(notices, withdrawn, journal.entries)
        assert corrections(stay.lease, residence, issued, stay.clock().date()) == []
        # each change with its record, its entry in the audit and one word to the tenant
        changes = stay.life.changes.of_lease(stay.lease_id)
        assert stay.actions().count("lease_changed") == len(changes)  # type: ignore[arg-type]
        assert stay.lease.version == len(changes) + 1

    def state(self) -> object:
        stay = self.stay
        return (
            stay.lease.terms,
            stay.lease.ends_on,
            stay.lease.status,
            stay.balance,
            stay.standing(),
            sorted(one.event for one in stay.life.changes.of_lease(stay.lease_id)),
            len(stay.papers()),
            sorted(stay.actions()),
        )

    def go_on(self) -> None:
        for _ in range(2):
            self.stay.relay()
            self.stay.tell()
        assert len(self.stay.office.mailbox.sent) <= 1


class DecisionScene(LifeScene):
    change = RoomChange(starts_on=date(2026, 10, 16), room="C301", rent_cents=60_000)

    def trigger(self) -> bool:
        return bool(self.stay.decide(self.change).corrected)


class RowScene(DecisionScene):
    """The same as a row of a file, whose chunk's message comes until its outcome is written."""

    def prepare(self) -> None:
        super().prepare()
        aws, row = self.stay.aws, f"{self.stay.lease.reference};chambre;16/10/2026;C301;600"
        data = f"Référence;Changement;Date d'effet;Chambre;Loyer\n{row}\n".encode()
        store, files = Imports(aws.operations), StoredFiles(aws.s3, aws.bucket)
        deeds = Deeds(pepper=aws.pepper, clock=self.stay.clock, random=token_bytes)
        self.imports = AmendmentImports(
            imports=store,
            files=files,
            audit=self.stay.audit,
            deeds=deeds,
            clock=self.stay.clock,
            random=token_bytes,
        )
        self.taken = self.imports.take(data, MANAGER, NETWORK)
        self.worker = LeaseChangeWorker(
            imports=store,
            files=files,
            sqs=None,
            queue_url="",
            life=self.stay.life,
            random=token_bytes,
            reader=read_amendment_file,
        )

    def trigger(self) -> bool:
        ids = {"import_id": self.taken.import_id, "chunk": "1"}
        self.worker.consume(Event(id="1", type=CHUNK_DUE, at=self.stay.clock(), data=ids))
        report = self.imports.report(self.taken.import_id, MANAGER)
        assert (report.created, report.unchanged, report.rejected) == (1, 0, 0)
        return True


class FinalAccountScene(LifeScene):
    def prepare(self) -> None:
        departed(self.stay, paid=OWED - 32_000)

    def trigger(self) -> bool:
        draw_up(self.stay, PAINT)
        return True

    def go_on(self) -> None:
        assert self.stay.balance == 0


class ClosingScene(FinalAccountScene):
    def prepare(self) -> None:
        super().prepare()
        draw_up(self.stay, PAINT)

    def trigger(self) -> bool:
        self.stay.accounts.close(MANAGER, self.stay.lease_id, key="c1", network=NETWORK)
        return True


@pytest.mark.parametrize("scene", [DecisionScene, RowScene, FinalAccountScene, ClosingScene])
def test_a_decision_survives_any_fault(scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is one transaction after reads: a read that fails leaves all as it was, and is not played here."""
    faults = [fault for fault in faults_of(stage(scene, monkeypatch)) if "Transact" in str(fault)]

    for fault in faults:
        fault.play()

    assert len(faults) == 4
