"""What closed forms start from: a model's coupling xi(q) = intensity A(q) + B(q) and its prior, in exact terms.

A model class stands for the family of its models: parameters that are not given stay symbols.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol

from amp_theory.exact.formulas.result import exact
from amp_theory.ingredients.couplings.base import MOST_BODIES
from amp_theory.ingredients.outputs.named import LinearChannel, OutputChannel
from amp_theory.ingredients.paths.base import Path
from amp_theory.ingredients.priors.base import Prior
from amp_theory.ingredients.priors.groups import PottsPrior
from amp_theory.ingredients.priors.named import Discrete, GaussBernoulli, Gaussian, Rademacher, SparseRademacher
from amp_theory.models.base import Model
from amp_theory.models.block_model import StochasticBlockModel
from amp_theory.models.measurements import GLM
from amp_theory.models.spiked import SpikedMatrix, SpikedMatrixTensor, SpikedTensor
from amp_theory.models.spin_glasses import IsingPSpin, MixedPSpin, SherringtonKirkpatrick, SphericalPSpin
from amp_theory.tools.errors import InputError, integer_between, positive, unknown_name
from amp_theory.tools.expressions import parse_polynomial

#: the overlap
q = Symbol("q", positive=True)
#: symbols of the coordinates
COORDINATES = {
    "overlap": q,
    "temperature": Symbol("T", positive=True),
    "noise": Symbol("Delta", positive=True),
    "density": Symbol("alpha", positive=True),
    "sampling_ratio": Symbol("alpha", positive=True),
    "snr": Symbol("snr", real=True),
    "revealed": Symbol("theta", real=True),
    "retention": Symbol("w", real=True),
}
#: symbols of the parameters that may stay open, by the class and name they have there
PARAMETERS = {
    "p": Symbol("p", integer=True, positive=True),
    "k": Symbol("k", integer=True, positive=True),
    "tensor_noise": Symbol("Delta_p", positive=True),
    "rho": Symbol("rho", positive=True),
    "noise": Symbol("Delta", positive=True),
    "variance": Symbol("V", positive=True),
}
#: least integer parameters
LEAST = {"p": 2, "k": 2}
#: sum of coefficient q^power, as ((power, coefficient), ...)
Terms = tuple[tuple[Expr, Expr], ...]


def derivative(terms: Terms, order: int) -> Expr:
    """Return a derivative of a sum of powers of q."""
    return sum((sympy.expand_func(sympy.ff(n, order)) * c * q ** (n - order) for n, c in terms), Integer(0))


@dataclass(frozen=True)
class Setting:
    """A model along a path in exact terms.

    A and B are the sums of powers `scaled` and `fixed`, but for a linear channel, of variance `noise` (else None),
    A = log((noise + rho)/(noise + rho - q)).  Their factor is intensity = control^power.  gaussian tells whether the
    prior is Gaussian() or the spherical constraint; rho is E s^2, and slope is M'(0) = Var(s)^2 of a prior without
    mean (None with one).
    """

    title: str
    path: Path
    control: str
    symbols: dict[str, Symbol]
    power: int
    scaled: Terms
    fixed: Terms
    noise: Expr | None
    gaussian: bool
    rho: Expr
    slope: Expr | None

    @property
    def intensity(self) -> Expr:
        """The factor of the scaled part, as a function of the control."""
        return self.symbols[self.control] ** self.power

    def from_intensity(self, intensity: Expr) -> Expr:
        """Return the control at an intensity, a function of q in (0, 1) among others."""
        return self.from_ratio(intensity if self.power > 0 else 1 / intensity)

    def from_ratio(self, ratio: Expr) -> Expr:
        """Return the control at an intensity, or where the control falls with it, at one over the intensity."""
        return sympy.root(ratio, abs(self.power)).replace(sympy.Abs(q - 1), 1 - q)

    @property
    def strength(self) -> str:
        """Name of the path's strength."""
        return self.path.strength

    @property
    def symmetric(self) -> bool:
        """Whether q = 0 is a fixed point at zero strength."""
        return self.slope is not None and self.noise is None and all(n != 1 for n, _ in self.scaled + self.fixed)

    @property
    def open_parameters(self) -> set[Symbol]:
        """Symbols in the coupling."""
        return {symbol for n, c in self.scaled + self.fixed for symbol in (n * c).free_symbols}


def parameters_of(model: Model | type[Model], given: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Symbol]]:
    """Return the parameters of a model or a family, as expressions or components, and the open symbols by name.

    Raises
    ------
    InputError
        If a parameter of a family is not known, or needed and not given.
    """
    symbols: dict[str, Symbol] = {}
    if isinstance(model, Model):
        if given:
            raise InputError(f"parameters are given with a model class only, {model!r} has its own: {given}")
        return {item.name: getattr(model, item.name) for item in _arguments(model)}, symbols
    known = {item.name: item for item in _arguments(model)}
    for name in given:
        if name not in known:
            raise unknown_name(f"parameter of {model.__name__}", name, known)
    result: dict[str, Any] = {}
    for name, item in known.items():
        if name in given:
            result[name] = _checked(name, given[name])
        elif name in PARAMETERS:
            result[name] = symbols[name] = PARAMETERS[name]
        elif item.default is not MISSING:
            result[name] = item.default
        elif name == "prior":
            result[name] = None
            symbols["variance"] = PARAMETERS["variance"]
        elif name == "channel":
            result[name] = LinearChannel
        else:
            raise InputError(f"{name} of {model.__name__} cannot stay open: give an instance of the model")
    for value in result.values():
        if isinstance(value, Expr):
            symbols |= {s.name: s for s in value.free_symbols if s not in symbols.values()}
        if inspect.isclass(value):
            symbols |= {item.name: PARAMETERS[item.name] for item in _arguments(value)}
    return result, symbols


def _arguments(component: Any) -> list[Field[Any]]:
    """Return the fields that make a model, a prior or a channel, or an instance of one."""
    return [item for item in fields(component) if item.init] if is_dataclass(component) else []


def _checked(name: str, value: Any) -> Any:
    """Return a given parameter: an expression, a component, or the class of one whose parameters stay open."""
    if isinstance(value, Prior | OutputChannel) or (isinstance(value, Expr) and value.free_symbols):
        return value
    if inspect.isclass(value) and issubclass(value, Prior | OutputChannel):
        unknown = [item.name for item in _arguments(value) if item.name not in PARAMETERS]
        if unknown:
            raise InputError(f"{value.__name__} cannot stay open, it needs {', '.join(unknown)}: give an instance")
        return value
    if name in LEAST:
        return Integer(integer_between(name, value, LEAST[name], MOST_BODIES))
    if name in PARAMETERS:
        positive(name, value)
        return exact(name, value)
    if name in ("prior", "channel"):
        raise InputError(f"{name} must be an instance or a class, got {value!r}")
    return value


def read(model: Model | type[Model], path: Path, given: dict[str, Any]) -> Setting:
    """Return a dense model's coupling and prior in exact terms."""
    kind = model if inspect.isclass(model) else type(model)
    parameters, symbols = parameters_of(model, given)
    control = COORDINATES.get(kind.control, Symbol(kind.control, positive=True))
    prior = parameters.get("prior", _prior_of(kind, model, parameters))
    if isinstance(prior, Prior):
        path.check_prior(prior)
    rho, slope = _moments(prior)
    scaled, fixed, noise = _coupling(kind, model, parameters)
    return Setting(
        _title(kind, parameters, path), path, kind.control,
        {"overlap": q, kind.control: control, path.strength: COORDINATES[path.strength], **symbols},
        _power(kind), scaled, fixed, noise, prior is Gaussian or isinstance(prior, Gaussian), rho, slope,
    )  # fmt: skip


def _title(kind: type[Model], parameters: dict[str, Any], path: Path) -> str:
    def shown(value: Any) -> str:
        return "any" if value is None else value.__name__ if inspect.isclass(value) else repr(value)

    listed = ", ".join(f"{name}={shown(value)}" for name, value in parameters.items())
    return f"{kind.__name__}({listed}), path {path.name}"


def _prior_of(kind: type[Model], model: Model | type[Model], parameters: dict[str, Any]) -> Prior | type[Prior]:
    """Return the prior of a model that does not take one as a parameter."""
    if isinstance(model, Model):
        return model.variable_prior
    if kind in (SphericalPSpin, SpikedMatrixTensor):
        return Gaussian
    return PottsPrior if kind is StochasticBlockModel else Rademacher


def _moments(prior: Prior | type[Prior] | None) -> tuple[Expr, Expr | None]:
    """Return E s^2, and M'(0) if E s = 0, exactly; a prior left open has no mean and variance V."""
    kind = prior if prior is None or inspect.isclass(prior) else type(prior)
    if kind is None:
        variance = PARAMETERS["variance"]
        return variance, variance**2
    if kind in (Rademacher, Gaussian):
        return Integer(1), Integer(1)
    if kind in (SparseRademacher, GaussBernoulli):
        rho = exact("rho", prior.rho) if isinstance(prior, SparseRademacher | GaussBernoulli) else PARAMETERS["rho"]
        return rho, rho**2
    if kind is PottsPrior:
        k = Integer(prior.k) if isinstance(prior, PottsPrior) else PARAMETERS["k"]
        return Integer(1), 1 / (k - 1)
    assert isinstance(prior, Prior)
    if isinstance(prior, Discrete):
        values, weights = ([exact("atom", x) for x in column] for column in (prior.values, prior.probabilities))
        total = sum(w * v**2 for v, w in zip(values, weights, strict=True)) / sum(weights)
        rho = exact("second moment", float(total))
    else:
        rho = exact("second moment", prior.second_moment)
    return rho, rho**2 if prior.mean == 0 else None


def _coupling(
    kind: type[Model], model: Model | type[Model], parameters: dict[str, Any]
) -> tuple[Terms, Terms, Expr | None]:
    """Return A(q) and B(q), or for a linear channel its noise."""
    half, two = Integer(1) / 2, Integer(2)
    p, k = (exact(name, parameters.get(name, 0)) for name in ("p", "k"))
    if kind in (IsingPSpin, SphericalPSpin):
        return ((p, half),), (), None
    if kind in (SherringtonKirkpatrick, SpikedMatrix):
        return ((two, half),), (), None
    if kind is SpikedTensor:
        return ((p, 1 / p),), (), None
    if kind is SpikedMatrixTensor:
        return ((two, half),), ((p, 1 / (p * exact("tensor_noise", parameters["tensor_noise"]))),), None
    if kind is StochasticBlockModel:
        return ((two, (k - 1) / 2),), (), None
    if kind is MixedPSpin:
        return _terms(parse_polynomial(parameters["xi"], "q").items()), (), None
    if kind is GLM:
        return (), (), _channel_noise(parameters["channel"])
    coupling = model.polynomial if isinstance(model, Model) else None
    if coupling is not None:
        return _terms(coupling.scaled_terms), _terms(coupling.fixed_terms), None
    raise InputError(
        f"no closed forms are known for {kind.__name__}: they are for dense models with a polynomial coupling, for "
        "GLM(prior, LinearChannel()), and for XORSAT and Bicoloring"
    )


def _channel_noise(channel: OutputChannel | type[OutputChannel]) -> Expr:
    if channel is LinearChannel:
        return PARAMETERS["noise"]
    if isinstance(channel, LinearChannel):
        return exact("noise", channel.noise)
    raise InputError(f"the coupling of {channel!r} has no closed form; that of LinearChannel() has one")


def _terms(terms: Iterable[tuple[int, Any]]) -> Terms:
    return tuple((Integer(n), exact("coefficient", c)) for n, c in terms)


def _power(kind: type[Model]) -> int:
    """Return n of intensity = control^n."""
    if kind.control == "temperature" and kind.intensity is IsingPSpin.intensity:
        return -2
    if kind.intensity is Model.intensity:
        return 1 if kind.easier == "up" else -1
    raise InputError(f"the control of {kind.__name__} is no simple function of the coupling's factor")
