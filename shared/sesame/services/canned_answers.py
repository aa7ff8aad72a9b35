"""Staff keep answers ready: a residence's own, and the operator's for all."""

from dataclasses import dataclass
from typing import ClassVar

from sesame.domain.canned_answers import MOST, OPERATOR, CannedAnswer
from sesame.platform.errors import Conflict, NotFound
from sesame.services.deeds import Deeds
from sesame.services.staff import Role, Staff, require, within
from sesame.store import keys
from sesame.store.audit import Action, Audit, AuditEntry
from sesame.store.canned_answers import CannedAnswers
from sesame.store.table import ConditionFailed, Table, transact


class TooManyAnswers(Conflict):
    """An owner has as many as can be looked through."""

    slug = "too-many-answers"
    title: ClassVar = {
        "fr": "Il y a déjà trop de réponses prêtes : supprimez-en",
        "en": "There are too many canned answers: delete some",
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerKeeping:
    """Reads, sets and deletes canned answers; each change is in the audit."""

    answers: CannedAnswers
    identity: Table
    audit: Audit
    deeds: Deeds

    def of(self, staff: Staff, residence_id: str) -> list[CannedAnswer]:
        """The residence's own, then the operator's. Two calls. Raises Forbidden, NotFound."""
        require(staff, *Role)
        within(staff, residence_id)
        return [*self.answers.of(residence_id), *self.answers.of(OPERATOR)]

    def keep(self, staff: Staff, answer: CannedAnswer, *, network: str) -> CannedAnswer:
        """Keeps one more; a repeat is the same. Raises Forbidden, NotFound, TooManyAnswers."""
        self._may_change(staff, answer.owner)
        known = self.answers.of(answer.owner)
        if len(known) >= MOST and answer.answer_id not in {one.answer_id for one in known}:
            raise TooManyAnswers
        return self._set(staff, answer, network)

    def change(self, staff: Staff, answer: CannedAnswer, *, network: str) -> CannedAnswer:
        """Makes one that is there what it is to be. Raises Forbidden, NotFound."""
        self._may_change(staff, answer.owner)
        if self.answers.get(answer.owner, answer.answer_id) is None:
            raise NotFound
        return self._set(staff, answer, network)

    def _set(self, staff: Staff, answer: CannedAnswer, network: str) -> CannedAnswer:
        entry = self._entry(Action.CANNED_ANSWER_SET, staff, answer.owner, answer.answer_id, network)
        writes = [self.answers.setting(answer), self.audit.recording(entry)]
        transact(self.answers.table.client, writes, attempts=3)
        return answer

    def delete(self, staff: Staff, owner: str, answer_id: str, *, network: str) -> None:
        """Deletes one. Raises Forbidden, NotFound."""
        self._may_change(staff, owner)
        entry = self._entry(Action.CANNED_ANSWER_DELETED, staff, owner, answer_id, network)
        try:
            transact(
                self.answers.table.client,
                [self.answers.deleting(owner, answer_id), self.audit.recording(entry)],
                attempts=3,
            )
        except ConditionFailed as failure:
            raise NotFound from failure

    def _may_change(self, staff: Staff, owner: str) -> None:
        """A residence's: who manages it. The operator's: administrators."""
        if owner == OPERATOR:
            require(staff, Role.ADMINISTRATOR)
            return
        require(staff, Role.MANAGER, Role.ADMINISTRATOR)
        within(staff, owner)
        if self.identity.get(keys.residence(owner)) is None:
            raise NotFound

    def _entry(self, action: Action, staff: Staff, owner: str, answer_id: str, network: str) -> AuditEntry:
        residence_id = None if owner == OPERATOR else owner
        return self.deeds.entry(action, staff, network, residence_id=residence_id, answer_id=answer_id)
