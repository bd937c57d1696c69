"""The command `completion`: a script that lets a shell complete commands, options and names."""

from __future__ import annotations

import argparse
from typing import Any

from amp_theory.tools.errors import InputError, one_of

SHELLS = ("bash", "zsh", "tcsh")
#: what stands for a file or a folder, by the name of its argument
PLACES = {"output": "FILE", "file": "FILE", "checkpoint": "FILE", "log": "FILE", "data": "FILE", "folder": "DIRECTORY"}
#: bash takes = for the end of a word: words are put together, and what stands before it is not offered again
JOINED = """
_amp_theory() {
  local here="${COMP_WORDS[COMP_CWORD]}" word glue="" n=-1 words=()
  for word in "${COMP_WORDS[@]:0:COMP_CWORD+1}"; do
    if [[ $word == "=" && $n -ge 0 ]]; then
      if [[ ${words[n]} == -* && ${words[n]} != *=* ]]; then words[++n]=""; else words[n]+="="; fi
      glue=1
    elif [[ $glue ]]; then
      words[n]+="$word" glue=""
    else
      words[++n]="$word"
    fi
  done
  [[ $here == "=" ]] && here=""
  local COMP_WORDS=("${words[@]}") COMP_CWORD=$n
  _shtab_amp_theory "$@"
  local before="${words[n]%"$here"}"
  COMPREPLY=("${COMPREPLY[@]#"$before"}")
  [[ ${COMPREPLY[*]} == *= ]] && compopt -o nospace 2>/dev/null
  [[ ${COMPREPLY[*]} ]] || COMPREPLY=()
  return 0
}

complete -o bashdefault -F _amp_theory amp-theory
"""


def run_completion(options: argparse.Namespace) -> tuple[Any, str]:
    """Print the script of a shell."""
    shell = one_of("shell", options.shell, SHELLS)
    try:
        import shtab
    except ImportError:
        raise InputError('completion in shells needs the library shtab: pip install "amp-theory[completion]"') from None
    parser = options.parser()
    words = _words()
    for command in _commands(parser).values():
        for action in command._actions:
            if action.dest in PLACES:
                action.complete = getattr(shtab, PLACES[action.dest])  # type: ignore[attr-defined]
            elif action.dest in words:
                action.choices = words[action.dest]
    script = shtab.complete(parser, shell) + (JOINED if shell == "bash" else "")
    return {"shell": shell, "script": script}, script


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = next(a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return dict(found)


def _words() -> dict[str, list[str]]:
    """Return the words that an argument may be, by its name; for --set what stands before the value, too."""
    from amp_theory.finite.samplers.samplers import SAMPLERS
    from amp_theory.ingredients.paths.sides import SIDES
    from amp_theory.interface.studies.registered import SAMPLING, STUDIES
    from amp_theory.models.catalogue import (
        CHANNELS,
        MODELS,
        PARTS,
        PATHS,
        PRIORS,
        SCHEDULES,
        arguments,
        arguments_of_part,
    )
    from amp_theory.phases.diagram.styles import NAMED
    from amp_theory.phases.families.quantities import GROUPS, QUANTITIES
    from amp_theory.tools.results import POINTS

    everything = (MODELS, PRIORS, CHANNELS, PATHS, SCHEDULES)
    names = {n for kind in MODELS.values() for n in arguments(kind)}
    names |= {n for part, table in PARTS.items() for kind in table.values() for n in arguments_of_part(part, kind)}
    places = {kind.control for kind in MODELS.values()} | {kind.strength for kind in PATHS.values()}
    settings = [f"{part}={name}" for part, table in PARTS.items() for name in table]
    return {
        "model": list(MODELS), "name": sorted({name for table in everything for name in table}),
        "set": [*sorted(f"{name}=" for name in names - set(PARTS)), *settings],
        "over": sorted(f"{name}=" for name in names | places), "quantity": [*GROUPS, *QUANTITIES],
        "side": list(SIDES), "path": list(PATHS), "schedule": list(SCHEDULES), "point": list(POINTS),
        "target": ["planted", "random"],
        "axis": ["strength", "time", "information"], "samplers": list(SAMPLERS), "shell": list(SHELLS),
        "style": list(NAMED), "study": [SAMPLING, *STUDIES],
    }  # fmt: skip
