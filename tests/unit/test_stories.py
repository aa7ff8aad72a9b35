"""Which stories the demo can tell."""

import pytest

from local import commands
from local.doctor import Trouble


def test_a_story_that_there_is_not_is_refused_with_the_names_of_those_there_are() -> None:
    with pytest.raises(Trouble) as refused:
        commands.demo("winter")

    said = str(refused.value)
    assert "'winter'" in said
    assert all(f"  {name} " in said for name in commands.STORIES)
