"""The message passing that fits an instance."""

from __future__ import annotations

from functools import singledispatch

from amp_theory.finite.inference.amp import run_amp
from amp_theory.finite.inference.base import (
    Inference,
    MessagePassingOptions,
)
from amp_theory.finite.inference.bp import run_bp
from amp_theory.finite.inference.gamp import run_gamp
from amp_theory.finite.inference.pattern_gamp import run_pattern_gamp
from amp_theory.finite.inference.vamp import run_vamp
from amp_theory.finite.instances.base import Instance
from amp_theory.finite.instances.dense import DenseInstance
from amp_theory.finite.instances.linear import GLMInstance
from amp_theory.finite.instances.random_patterns import PatternInstance
from amp_theory.finite.instances.rotational import RotationalInstance
from amp_theory.finite.instances.two_sides import TwoSidesInstance
from amp_theory.ingredients.paths.side_information import SideInformation
from amp_theory.tools.arrays import Array


@singledispatch
def run_message_passing(
    instance: Instance,
    side: SideInformation | None = None,
    start: str | Array = "uninformed",
    options: MessagePassingOptions | None = None,
) -> Inference:
    """Run AMP on dense instances and matrices, GAMP on linear models, VAMP where singular values are given, else BP."""
    return run_bp(instance, side, start, options)


run_message_passing.register(GLMInstance, run_gamp)
run_message_passing.register(PatternInstance, run_pattern_gamp)
run_message_passing.register(RotationalInstance, run_vamp)
run_message_passing.register(DenseInstance, run_amp)
run_message_passing.register(TwoSidesInstance, run_amp)
