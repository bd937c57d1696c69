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
    "errors": ["AmpTheoryError", "FileError", "InputError", "NumericalError", "UnknownNameError"],
    "priors": ["Discrete", "GaussBernoulli", "Gaussian", "Prior", "Rademacher", "SparseRademacher"],
    "couplings": ["Coupling", "GeneralCoupling", "PolynomialCoupling"],
    "models": [
        "IsingPSpin", "MixedPSpin", "Model", "SherringtonKirkpatrick", "SphericalPSpin", "SpikedMatrix",
        "SpikedMatrixTensor", "SpikedTensor",
    ],
    "paths": ["Autoregressive", "Flow", "Path", "Response", "UniformDiscreteDiffusion"],
    "schedules": [
        "FlipProbability", "FractionRevealed", "Interpolant", "LinearInterpolant", "MaskedDiffusion", "Retention",
        "Schedule", "StochasticLocalization", "TrigonometricInterpolant", "VarianceExploding", "VariancePreserving",
    ],
    "plotting": ["plot_diagram", "plot_free_entropy", "plot_overlap", "plot_paths"],
    "reproduction": ["reproduce"],
    "results": ["FixedPoint", "FixedPoints", "Located", "Thresholds"],
    "scan": ["Scan", "ScanCusp", "scan_threshold"],
    "transitions": ["thresholds"],
    "fixed_point_solver": ["fixed_points", "informed_overlap", "state_evolution", "uninformed_overlap"],
    "compare": ["Comparison", "SamplerVerdicts", "Verdict", "compare_samplers"],
    "curves": ["Isotherm", "equation_of_state", "free_entropy_curve"],
    "cavity.coloring": ["Coloring", "PopulationFixedPoint", "PopulationPoint", "population_fixed_point",
                        "population_isotherm"],
    "cavity.coloring_thresholds": ["population_thresholds"],
    "cavity.factors": ["Factor"],
    "cavity.sparse_models": ["XORSAT", "Bicoloring", "SparseModel"],
    "generalised_linear": ["GLM"],
    "group_models": ["PottsPrior", "StochasticBlockModel", "two_groups"],
    "output_channels": [
        "OutputChannel", "LinearChannel", "SignChannel", "ProbitChannel", "AbsChannel", "ReLUChannel", "DoorChannel",
        "SymmetricPerceptron",
    ],
    "output_likelihood": ["Channel"],
    "rotational_sensing": ["RowOrthogonalSensing", "SpectralSensing"],
    "finite.convergence": ["AmpComparison", "amp_against_state_evolution"],
    "finite.denoisers": ["Denoised", "MessagePassingDenoiser"],
    "finite.exact": ["Enumeration"],
    "finite.instances": ["Instance", "draw_instance"],
    "finite.generalised_amp": ["run_gamp"],
    "finite.message_passing": ["Inference", "MessagePassingOptions", "run_amp", "run_bp"],
    "finite.samplers": ["Samples", "draw_samples"],
    "finite.judging": ["SamplerJudgement"],
    "finite.simulation": ["Simulation", "simulate"],
    "finite.chains": ["MarkovChains"],
    "finite.langevin": ["LangevinTrajectories", "langevin"],
    "finite.monte_carlo": ["heat_bath", "metropolis"],
    "finite.tempering": ["TemperedChains", "parallel_tempering"],
    "side_information": ["SideInformation"],
    "density": ["Density"],
    "diagram": ["Diagram", "phase_diagram"],
    "finite.mode_coupling": ["EquilibriumCorrelation", "equilibrium_correlation"],
    "finite.two_time": ["LangevinCorrelations", "langevin_correlations"],
    "loading": ["load"],
    "along_path": ["PathTransitions", "path_transitions"],
    "certificates": ["Certificate", "certify", "verify"],
    "closed.forms": ["closed_forms"],
    "closed.result": ["ClosedForms"],
    "normal_form": ["Coefficient", "TricriticalExpansion", "tricritical_expansion"],
    "explorer.animation": ["Animation", "animate"],
    "explorer.page": ["explorer_html", "save_explorer"],
}  # fmt: skip
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
