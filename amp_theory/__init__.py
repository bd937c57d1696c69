"""Exact phase diagrams of sampling by flows, diffusions and autoregressive networks.

Where in parameter space can a denoising sampler draw from a hard distribution, and where do Monte Carlo
and Langevin do better?  See the README for a first example.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: public names and the modules that hold them, imported when first used
_WHERE = {
    "dynamics.equilibrium": ["EquilibriumCorrelation", "equilibrium_correlation"],
    "dynamics.glassy_state": ["GlassyState"],
    "dynamics.threshold_states": ["ThresholdStates", "threshold_states"],
    "dynamics.two_time": ["LangevinCorrelations", "langevin_correlations"],
    "equations_of_state.populations.found": ["PopulationFixedPoint", "PopulationPoint"],
    "equations_of_state.populations.population": ["population_fixed_point", "population_isotherm"],
    "phases.points.populations": ["population_thresholds"],
    "exact.formulas.forms": ["closed_forms"],
    "exact.formulas.result": ["ClosedForms"],
    "exact.proofs.certificates": ["Certificate", "certify", "verify"],
    "finite.chains.diagnostics": ["MarkovChains"],
    "finite.chains.langevin": ["LangevinTrajectories", "langevin"],
    "finite.chains.monte_carlo": ["heat_bath", "metropolis"],
    "finite.chains.tempering": ["TemperedChains", "parallel_tempering"],
    "finite.inference.amp": ["run_amp"],
    "finite.inference.base": ["Inference", "MessagePassingOptions"],
    "finite.inference.bp": ["run_bp"],
    "finite.inference.decimation": ["solve_by_decimation"],
    "finite.inference.gamp": ["run_gamp"],
    "finite.inference.reinforcement": ["solve_by_reinforcement"],
    "finite.inference.solutions": ["Solutions"],
    "finite.inference.robust_gamp": ["run_robust_gamp"],
    "finite.inference.vamp": ["run_vamp"],
    "finite.inference.unit_propagation": ["UnitPropagation", "unit_propagation"],
    "finite.instances.base": ["Instance"],
    "finite.instances.draw": ["draw_instance"],
    "finite.instances.enumeration": ["Enumeration"],
    "finite.instances.own_data": ["instance_from"],
    "finite.instances.saved_instances": ["load_instance"],
    "finite.samplers.denoisers": ["Denoised", "MessagePassingDenoiser"],
    "finite.samplers.samplers": ["Samples", "draw_samples"],
    "ingredients.couplings.base": ["Coupling", "GeneralCoupling", "PolynomialCoupling"],
    "ingredients.factors.factors": ["Factor"],
    "ingredients.outputs.log_concave": ["LogConcave"],
    "ingredients.outputs.logistic": ["Logistic"],
    "ingredients.outputs.margins": ["Margin"],
    "ingredients.outputs.likelihood": ["Channel"],
    "ingredients.outputs.named": [
        "AbsChannel",
        "DoorChannel",
        "LinearChannel",
        "OutputChannel",
        "ProbitChannel",
        "ReLUChannel",
        "SignChannel",
        "SymmetricPerceptron",
    ],
    "ingredients.paths.base": ["Path"],
    "ingredients.paths.letters": ["Birth", "SideChannel"],
    "ingredients.paths.mixed": ["Mixed"],
    "ingredients.paths.named": ["Autoregressive", "Flow", "UniformDiscreteDiffusion"],
    "ingredients.paths.response": ["Response"],
    "ingredients.paths.schedules": [
        "FlipProbability",
        "FractionRevealed",
        "Interpolant",
        "LinearInterpolant",
        "MaskedDiffusion",
        "Retention",
        "Schedule",
        "StochasticLocalization",
        "StrengthAsTime",
        "TrigonometricInterpolant",
        "VarianceExploding",
        "VariancePreserving",
    ],
    "ingredients.paths.side_information": ["SideInformation"],
    "ingredients.priors.base": ["Prior"],
    "ingredients.priors.density": ["Density"],
    "ingredients.priors.groups": ["PottsPrior", "two_groups"],
    "ingredients.priors.named": ["Discrete", "GaussBernoulli", "Gaussian", "Rademacher", "SparseRademacher"],
    "interface.explorer.animation": ["Animation", "animate"],
    "interface.explorer.page": ["explorer_html", "save_explorer"],
    "interface.plots": ["plot_free_entropy", "plot_overlap", "plot_paths"],
    "interface.glassy": ["plot_glassy"],
    "interface.sizes": ["controls_of_sizes", "plot_sizes"],
    "interface.studies.checking": ["CheckedValue", "CheckedValues", "check"],
    "interface.studies.demonstrations": ["demonstrate"],
    "interface.studies.literature": ["PublishedSource", "PublishedValue", "published_values"],
    "interface.studies.reproduction": ["KeyPoint", "KeyPoints", "reproduce"],
    "models.base": ["Model"],
    "models.block_model": ["StochasticBlockModel"],
    "models.coloring": ["Coloring"],
    "models.measurements": ["GLM", "RowOrthogonalSensing", "SpectralSensing"],
    "models.perceptrons": ["RandomPerceptron"],
    "models.sparse": ["Bicoloring", "SparseModel", "XORSAT"],
    "models.spiked": ["SpikedMatrix", "SpikedMatrixTensor", "SpikedTensor"],
    "models.spin_glasses": ["IsingPSpin", "MixedPSpin", "SherringtonKirkpatrick", "SphericalPSpin"],
    "models.two_sides": ["GaussianMixture", "RectangularMatrix"],
    "phases.accuracy.error_curve": ["ErrorCurve", "error_curve"],
    "phases.accuracy.mismatched_error": ["MismatchedError", "mismatched_error"],
    "phases.accuracy.leading_power": ["LeadingError", "leading_error"],
    "phases.accuracy.needed_depth": ["NeededDepth", "depth_for"],
    "phases.accuracy.optimal_schedule": ["OptimalSchedule", "optimal_schedule"],
    "phases.accuracy.sampling_error": ["SamplingError", "sampling_error"],
    "phases.comparison": ["Comparison", "SamplerVerdicts", "Verdict"],
    "phases.diagram.along_path": ["PathTransitions", "path_transitions"],
    "phases.diagram.curves": ["Isotherm", "equation_of_state", "free_entropy_curve"],
    "phases.diagram.compute": ["phase_diagram"],
    "phases.diagram.diagram": ["Diagram"],
    "phases.diagram.drawing": ["plot_diagram"],
    "phases.diagram.lines": ["Line"],
    "phases.diagram.styles": ["print_figure"],
    "phases.diagram.saved": ["load"],
    "phases.diagram.scan": ["Scan", "ScanCusp", "scan_threshold"],
    "phases.families.result": ["Sweep"],
    "phases.families.sweep": ["sweep"],
    "phases.optimal.best_path": ["BestPath", "best_path"],
    "phases.optimal.best_side": ["BestSide", "best_side"],
    "phases.optimal.marginal_lines": ["MarginalLine", "MarginalLines", "marginal_lines"],
    "phases.optimal.safe_order": ["FirstOrderSurface", "SafeOrder", "safe_order"],
    "phases.optimal.two_strengths": ["CriticalLine", "CriticalPoint", "critical_line"],
    "phases.optimal.revealing_curve": ["RevealingCurve", "revealing_curve"],
    "phases.points.random_perceptrons": ["best_tilt", "perceptron_capacity", "tricritical_margin"],
    "phases.points.tricritical_field": ["tricritical_field"],
    "phases.points.expansion": ["Coefficient", "TricriticalExpansion", "tricritical_expansion"],
    "phases.points.fixed_points": ["fixed_points", "informed_overlap", "uninformed_overlap"],
    "phases.points.state_evolution": ["StateEvolution", "state_evolution"],
    "phases.points.thresholds": ["thresholds"],
    "phases.rules": ["compare_samplers"],
    "tools.errors": ["AmpTheoryError", "FileError", "InputError", "NumericalError", "UnknownNameError"],
    "tools.fixed_points": ["FixedPoint", "FixedPoints"],
    "tools.progress": ["show_progress"],
    "tools.results": ["Located", "MissingPoint", "MissingPointError", "Thresholds"],
    "tools.tables": ["ResultTable"],
    "trials.amp_against_theory": ["AmpComparison", "amp_against_state_evolution"],
    "trials.denoiser_judgement": ["DenoiserJudgement"],
    "trials.demonstration": ["DemonstrationRun"],
    "trials.judge_denoiser": ["judge_denoiser"],
    "trials.judging": ["SamplerJudgement"],
    "trials.planning": ["SimulationPlan", "plan_simulation"],
    "trials.recovery": ["HeatBathRecovery", "recovery_by_heat_bath"],
    "trials.simulation": ["Simulation", "simulate"],
}
_MODULE = {name: module for module, names in _WHERE.items() for name in names}

__all__ = sorted([*_MODULE, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_MODULE[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
