"""Answers that staff keep ready, of one residence or of the operator's all, in the tenant's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sesame.domain.tenancy import Language
from sesame.domain.threads import ThreadCategory

OPERATOR = "operator"
"""Who owns the answers of no single residence. No residence's id: those end in a postal code."""
MAX_TITLE = 80
MOST = 200
"""Of one owner: more would not be looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CannedAnswer:
    """A title for the staff, and the words in each language; French is always there."""

    answer_id: str
    owner: str
    """A residence's id, or `operator`."""
    title: str
    category: ThreadCategory | None
    """What it is offered for first; None for anything."""
    words: Mapping[Language, str]
    changed_at: datetime
    changed_by: str

    def in_language(self, language: Language) -> str:
        """The words for a reader; in French where there are none in their language."""
        return self.words.get(language) or self.words[Language.FRENCH]
