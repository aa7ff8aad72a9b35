"""Canned answers: a partition for each residence and one for the operator, some dozens of items at most."""

from dataclasses import dataclass
from datetime import datetime

from sesame.domain.canned_answers import CannedAnswer
from sesame.domain.tenancy import Language
from sesame.domain.threads import ThreadCategory
from sesame.store import keys
from sesame.store.table import Delete, Item, Put, Table


@dataclass(frozen=True, slots=True)
class CannedAnswers:
    """The canned answers of the documents table."""

    table: Table

    def get(self, owner: str, answer_id: str) -> CannedAnswer | None:
        """One answer."""
        item = self.table.get(keys.canned_answer(owner, answer_id))
        return _answer(item) if item else None

    def of(self, owner: str) -> list[CannedAnswer]:
        """All of an owner's, by title. One query."""
        found = [_answer(item) for item in self.table.query_all(keys.canned_answers(owner))]
        return sorted(found, key=lambda one: (one.title.casefold(), one.answer_id))

    def setting(self, answer: CannedAnswer) -> Put:
        """The write of an answer, new or changed; the last one counts."""
        item: Item = {
            **keys.canned_answer(answer.owner, answer.answer_id),
            "answer_id": answer.answer_id,
            "owner": answer.owner,
            "title": answer.title,
            "category": answer.category.value if answer.category else None,
            "words": {language.value: text for language, text in answer.words.items()},
            "changed_at": answer.changed_at.isoformat(),
            "changed_by": answer.changed_by,
        }
        return Put(table=self.table.name, item=item)

    def deleting(self, owner: str, answer_id: str) -> Delete:
        """The write that deletes one that is there."""
        return Delete(
            table=self.table.name,
            key=keys.canned_answer(owner, answer_id),
            condition="attribute_exists(pk)",
        )


def _answer(item: Item) -> CannedAnswer:
    return CannedAnswer(
        answer_id=item["answer_id"],
        owner=item["owner"],
        title=item["title"],
        category=ThreadCategory(item["category"]) if "category" in item else None,
        words={Language(language): text for language, text in item["words"].items()},
        changed_at=datetime.fromisoformat(item["changed_at"]),
        changed_by=item["changed_by"],
    )
