"""The command `models`: everything there is by name, or all about one name."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator
from typing import Any

#: columns of a text
WIDTH = 100


def run_models(options: argparse.Namespace) -> tuple[Any, str]:
    """List everything there is by name, or tell all about one name."""
    from amp_theory.models.descriptions import KINDS, details

    if options.name is not None:
        given = _our_name(options.name)
        data = {
            kind: {given: _entry(kind, given) | details(kind, given)} for kind, table in KINDS.items() if given in table
        }
        return data, "\n\n".join("\n".join(_page(kind, given, data[kind][given])) for kind in data)
    data = {kind: {name: _entry(kind, name) for name in table} for kind, table in KINDS.items()}
    lines = []
    for kind, entries in data.items():
        lines.append(kind)
        for name, entry in entries.items():
            lines += _lines(name, entry)
    return data, "\n".join([*lines, "more about one of them: amp-theory models NAME"])


def _our_name(given: str) -> str:
    from amp_theory.models.descriptions import KINDS
    from amp_theory.models.synonyms import canonical

    return canonical("name", given, [name for table in KINDS.values() for name in table])


def _entry(kind: str, name: str) -> dict[str, Any]:
    """Return what the list says of a name, as plain data."""
    from amp_theory.models.catalogue import SCHEDULES
    from amp_theory.models.descriptions import KINDS, arguments_of, summary

    owner = KINDS[kind][name]
    taken = arguments_of(owner)
    entry: dict[str, Any] = {"description": summary(owner)}
    if kind == "models":
        entry |= {"control": owner.control, "easier": owner.easier}
    if kind == "paths":
        entry |= {"strength": owner.strength, "schedules": [s.name for s in owner.schedules if s.name in SCHEDULES]}
    else:
        entry |= {"parameters": list(taken), "arguments": {n: a.text for n, a in taken.items()}}
    return entry


def _wrapped(text: str, indent: int, first: int | None = None) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * (indent if first is None else first), subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )  # fmt: skip


def _lines(name: str, entry: dict[str, Any]) -> Iterator[str]:
    """Return what the list says of a name, as text."""
    yield from _wrapped(f"{name}: {entry['description']}", 6, 2)
    if "control" in entry:
        yield from _wrapped(f"control {entry['control']}, {entry['easier']} is easier", 6)
    if "strength" in entry:
        yield from _wrapped(f"strength {entry['strength']}; schedules {', '.join(entry['schedules'])}", 8, 6)
    for argument, text in entry.get("arguments", {}).items():
        yield from _wrapped(f"{argument}: {text}", 8, 6)


def _page(kind: str, name: str, entry: dict[str, Any]) -> Iterator[str]:
    """Return all about one name, as text."""
    yield f"{name}, one of the {kind}; in Python {entry['class']}"
    for paragraph in entry["text"]:
        yield from _wrapped(paragraph, 2)
    rows: dict[str, str] = {}
    if kind == "models":
        shown = ", ".join(f"{n} = {v}" for n, v in entry["with"].items())
        others = {n: s for n, s in entry["scalings"].items() if n != entry["control"]}
        scalings = [f"{n} = {_power(entry['control'], **s)}" for n, s in others.items()]
        paths = [n if no is None else f"not {n} ({no})" for n, no in entry["paths"].items()]
        rows = {
            "measure": entry["measure"] or "",
            "control": f"{entry['control']} ({entry['symbol']}), {entry['easier']} is easier",
            "targets": ", ".join(entry["targets"]), "scalings": "; ".join(scalings), "paths": "; ".join(paths),
            "shown for": shown,
        }  # fmt: skip
    elif kind == "paths":
        most = "infinity" if entry["limit"] is None else entry["limit"]
        rows = {
            "strength": f"{entry['strength']} ({entry['symbol']}), from 0 to {most}",
            "schedules": ", ".join(entry["schedules"]),
        }  # fmt: skip
    elif kind == "schedules":
        lo, hi = ("infinity" if t is None else f"{t:g}" for t in entry["times"])
        rows = {"paths": ", ".join(entry["paths"]), "time": f"between {lo} and {hi}"}
    for title, text in rows.items():
        if text:
            yield from _wrapped(f"{title:<11} {text}", 14, 2)
    for argument, facts in entry["details"].items():
        text = ", ".join(filter(None, (facts["type"], None if facts["required"] else f"default {facts['default']}")))
        yield from _wrapped(f"{argument:<11} {text}: {facts['meaning']}", 14, 2)
    yield f"  {'example':<11} {entry['example']}"
    if entry["takes"] is not None:
        yield from _wrapped(f"takes {entry['takes']}", 14)


def _power(control: str, factor: float, power: float) -> str:
    """Return factor * control^power as text."""
    raised = control if power == 1 else f"{control}^{power:g}"
    return raised if factor == 1 else f"{factor:.6g} {raised}"
