"""Steps that raise some times before they work."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from domains.domain import Step
from streams.topology import Part, Route, Topology

#: Most effects fail a little; a few fail until their delivery is dead.
FAILURES_COUNT = (1, 1, 2, 3, 9)


class Hiccup(Exception):
    """The trouble that this world makes."""


class Trouble:
    """Decides by seed which effect of which saga raises, and how often."""

    def __init__(self, seed: int, share: float) -> None:
        self.on = True
        self._seed = seed
        self._share = share
        self._raised: Counter[tuple[str, str]] = Counter()

    def around(self, topology: Topology) -> Topology:
        """The topology with every step and undo wrapped."""
        parts = {name: self._part(part) for name, part in topology.parts.items()}
        return Topology(topology.catalogue, parts)

    def _part(self, part: Part) -> Part:
        routes = {
            message: Route(
                tuple(self._step(s) for s in route.forward),
                tuple(self._step(s) for s in route.undone),
            )
            for message, route in part.routes.items()
        }
        return replace(part, routes=routes)

    def _step(self, step: Step) -> Step:
        undo = step.undo
        if undo is not None:
            undo = replace(undo, function=self._wrapped(f"undo {step.full_name}", undo.function))
        return replace(step, function=self._wrapped(step.full_name, step.function), undo=undo)

    def _wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def troubled(message: Any, *rest: Any) -> Any:
            said = function(message, *rest)
            if self.on:
                self._raise(name, message.spec.saga(message))
            return said

        return troubled

    def _raise(self, name: str, saga: str) -> None:
        fate = Random(f"{self._seed} {name} {saga}")
        if fate.random() >= self._share:
            return
        if self._raised[name, saga] < fate.choice(FAILURES_COUNT):
            self._raised[name, saga] += 1
            raise Hiccup(f"{name} of {saga}")
