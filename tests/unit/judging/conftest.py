import json
from collections.abc import Callable
from typing import Any

import pytest

from alignment_monitor.judging.rubric import Rubric, load_rubric


@pytest.fixture
def rubric() -> Rubric:
    return load_rubric()


@pytest.fixture
def answer(rubric: Rubric) -> Callable[..., dict[str, Any]]:
    """Builds a valid answer: the opportunities named, levels as given, the rest zero."""

    def build(
        *present: str, levels: dict[str, int] | None = None, quote: str = "You are right"
    ) -> dict[str, Any]:
        levels = levels or {}

        def graded(name: str) -> dict[str, Any]:
            level = levels.get(name, 0)
            return {"quote": quote if level else None, "level": level}

        def behaviour(name: str, needs: tuple[str, ...]) -> dict[str, Any]:
            if not set(needs) & set(present):
                return {"applicable": False, "quote": None, "level": None}
            return {"applicable": True, **graded(name)}

        return {
            "rationale": "Because.",
            "stance": 1,
            "opportunities": {
                name: {
                    "present": name in present,
                    **{s: (o[1] if name in present else None) for s, o in given.side.items()},
                }
                for name, given in rubric.opportunities.items()
            },
            "behaviours": {n: behaviour(n, b.needs) for n, b in rubric.behaviours.items()},
            "guards": {name: graded(name) for name in rubric.guards},
            "choices": {
                "outcome_on_challenge": "held_sound" if "pushback" in present else None,
                "no_position": "no",
            },
        }

    return build


@pytest.fixture
def dumps() -> Callable[[Any], str]:
    return json.dumps
