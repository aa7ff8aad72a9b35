"""Which residences a member of staff works for: all of the operator's, some, or none."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The residences that somebody may see and act on. Nobody's scope is wide by default."""

    everywhere: bool = False
    residence_ids: frozenset[str] = frozenset()

    def includes(self, residence_id: str) -> bool:
        """Whether a residence is among them."""
        return self.everywhere or residence_id in self.residence_ids


NOWHERE = Scope()
EVERYWHERE = Scope(everywhere=True)
