"""The flow as a graph: steps, and the messages that lead from one to the next, or take it back."""

from collections.abc import Iterator
from typing import Any

from domains.domain import Step
from schemas.message import Command, Failure, Message, Refusal
from streams.topology import Part, Topology


def steps(topology: Topology) -> list[dict[str, Any]]:
    """Every step: its triggers, what it announces, and what takes it back on which failures."""
    return [
        {
            "step": step.full_name,
            "hears": [_name(m) for m in step.triggers],
            "announces": [_name(m) for m in step.announces],
            "pivot": step.pivot,
            "undo": _undo(part, step),
        }
        for part in topology.parts.values()
        for step in part.domain.steps.values()
    ]


def _undo(part: Part, step: Step) -> dict[str, Any] | None:
    if step.undo is None:
        return None
    failures = [m for m, route in part.routes.items() if step in route.undone]
    return {
        "name": f"{part.name}.{step.undo.name}",
        "on": sorted(_name(m) for m in failures),
        "announces": [_name(m) for m in step.undo.announces],
    }


def edges(topology: Topology) -> list[dict[str, str]]:
    """One line per (from, message, to): `from` is empty for what comes from outside, `to` is empty
    for what nobody hears."""
    heard = {m for part in topology.parts.values() for m in part.routes}
    announced: dict[type[Message], list[str]] = {m: [] for m in heard}
    for part in topology.parts.values():
        for source, messages in _sources(part):
            for message in messages:
                announced.setdefault(message, []).append(source)
    found = [
        {"from": source, "message": _name(message), "kind": _kind(message), "to": to}
        for message, sources in announced.items()
        for source in sources or [""]
        for to in _hearers(topology, message) or [""]
    ]
    return sorted(found, key=lambda e: (e["from"], e["message"], e["to"]))


def _sources(part: Part) -> Iterator[tuple[str, tuple[type[Message], ...]]]:
    for step in part.domain.steps.values():
        yield step.full_name, step.announces
        if step.undo is not None:
            yield f"{part.name}.{step.undo.name}", step.undo.announces


def _hearers(topology: Topology, message: type[Message]) -> list[str]:
    return [
        f"{part.name}.{step.undo.name}" if undone and step.undo else step.full_name
        for part, step, undone in topology.hearers(message)
    ]


def _name(message: type[Message]) -> str:
    return message.spec.name


def _kind(message: type[Message]) -> str:
    kinds = (Command, "command"), (Failure, "failure"), (Refusal, "refusal")
    return next((kind for cls, kind in kinds if issubclass(message, cls)), message.kind[:-1])


def as_text(topology: Topology) -> str:
    """A page for the terminal: each domain, its steps, and under each step its undo."""
    lines: list[str] = []
    for part in topology.parts.values():
        lines += ["", part.name] if lines else [part.name]
        for step in part.domain.steps.values():
            pivot = "  (the pivot: nothing is taken back after it)" if step.pivot else ""
            lines.append(f"  {step.name}{pivot}")
            lines.append(f"    {_arrow(step.triggers, step.announces)}")
            undo = _undo(part, step)
            if undo and step.undo:
                lines.append(f"    undone by {step.undo.name} on {' | '.join(undo['on'])}")
                lines.append(f"      -> {' | '.join(undo['announces']) or 'nothing'}")
    return "\n".join(lines)


def _arrow(heard: tuple[type[Message], ...], said: tuple[type[Message], ...]) -> str:
    marked = [_name(m) + ("!" if issubclass(m, Failure) else "") for m in said]
    return f"{' | '.join(map(_name, heard))} -> {' | '.join(marked) or 'nothing'}"


def as_mermaid(topology: Topology) -> str:
    """A Mermaid flowchart: failures and what they undo are dashed and red."""
    lines = ["flowchart LR"]
    for part in topology.parts.values():
        lines.append(f"  subgraph {part.name}")
        for source, _ in _sources(part):
            lines.append(f"    {_id(source)}[{source.partition('.')[2]}]")
        lines.append("  end")
    drawn = _drawn(topology)
    for source, to, kind, messages in drawn:
        label = "<br/>".join(messages)
        arrow = f"-. {label} .->" if kind == "failure" else f"-- {label} -->"
        start = _id(source) if source else f"out_{_id(to)}(( ))"
        lines.append(f"  {start} {arrow} {_id(to)}")
    red = [str(n) for n, (_, _, kind, _) in enumerate(drawn) if kind == "failure"]
    if red:
        lines.append(f"  linkStyle {','.join(red)} stroke:#c0392b,color:#c0392b")
    return "\n".join(lines)


def _drawn(topology: Topology) -> list[tuple[str, str, str, list[str]]]:
    """One arrow per pair of steps: (from, to, kind, messages); what nobody hears is left out."""
    arrows: dict[tuple[str, str, str], list[str]] = {}
    for edge in edges(topology):
        if edge["to"]:
            kind = "failure" if edge["kind"] == "failure" else "event"
            arrows.setdefault((edge["from"], edge["to"], kind), []).append(edge["message"])
    return [(*place, messages) for place, messages in arrows.items()]


def _id(name: str) -> str:
    return name.replace(".", "_")
