"""The command about the dynamics of local moves."""

from __future__ import annotations

import argparse

from amp_theory.interface.commands import Result, _model, _number, _outputs
from amp_theory.interface.written import written


def run_threshold_states(options: argparse.Namespace) -> Result:
    """Find where threshold states stop trapping local moves, and the states at one control."""
    from amp_theory.dynamics.threshold_states import threshold_states

    model, files = _model(options), _outputs(options, (".csv",))
    control = None if options.control is None else _number(model.control, options.control)
    found = threshold_states(model)
    here = {} if control is None else found.at(control)
    data, text = written(found, files)
    if control is not None:
        data["at"] = {kind: state.to_dict() for kind, state in here.items()}
        text = "\n".join([text, *(state.report() for state in here.values())])
    return data, text
