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

from amp_theory.exact.formulas.result import expression_of
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
from amp_theory.tools.errors import InputError, integer_between, positive, told, unknown_name
from amp_theory.tools.expressions import parse_polynomial
from amp_theory.tools.registration import ByClass

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
    "aspect": Symbol("alpha", positive=True),
}
#: arguments that are priors, where one that is not given is any prior without mean
PRIORS = ("prior", "u", "v")
#: least integer parameters
LEAST = {"p": 2, "k": 2}
HALF = Integer(1) / 2
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
        elif name in PRIORS:
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
        return expression_of(name, value)
    if name in (*PRIORS, "channel"):
        raise InputError(f"{name} must be an instance or a class, got {value!r}")
    return value


def read(model: Model | type[Model], path: Path, given: dict[str, Any]) -> Setting:
    """Return a dense model's coupling and prior in exact terms."""
    kind = model if inspect.isclass(model) else type(model)
    parameters, symbols = parameters_of(model, given)
    control = COORDINATES.get(kind.control, Symbol(kind.control, positive=True))
    strength = COORDINATES.get(path.strength, Symbol(path.strength, real=True))
    if isinstance(model, Model):
        path.check_prior(model.variable_prior)
    dense = dense_form(model, parameters)
    prior = parameters.get("prior", model.variable_prior if isinstance(model, Model) else dense.prior)
    if isinstance(prior, Prior):
        path.check_prior(prior)
    moments = moments_of(prior)
    return Setting(
        title=title_of(kind, parameters, path),
        path=path,
        control=kind.control,
        symbols={"overlap": q, kind.control: control, path.strength: strength, **symbols},
        power=_power(kind),
        scaled=dense.scaled,
        fixed=dense.fixed,
        noise=dense.noise,
        gaussian=moments.gaussian,
        rho=moments.rho,
        slope=moments.slope,
    )


def title_of(kind: type[Model], parameters: dict[str, Any], path: Path) -> str:
    """Return a model, or a family with what is open, and a path in words."""

    def shown(value: Any) -> str:
        return "any" if value is None else value.__name__ if inspect.isclass(value) else repr(value)

    listed = ", ".join(f"{name}={shown(value)}" for name, value in parameters.items())
    side = f" on {path.side}" if path.side else ""
    return f"{kind.__name__}({listed}), path {path.name}{side}"


@dataclass(frozen=True)
class PriorMoments:
    """Of a prior: rho = E s^2; slope = M'(0) = Var(s)^2 if E s = 0, else None; whether it is the standard Gaussian.

    curvature is M''(0) = (E s^3)^2 - 2 Var(s)^3, of a prior without mean; None where it is not known exactly.  scalar
    tells of a class of priors whether all are laws of one number.
    """

    rho: Expr
    slope: Expr | None
    gaussian: bool = False
    curvature: Expr | None = None
    scalar: bool = True


@ByClass
def moments_of(prior: Prior | type[Prior] | None) -> PriorMoments:
    """Return the exact moments of a prior, or of a class of priors, whose parameters stay symbols.

    Raises
    ------
    InputError
        For a class that has registered none; for a prior of such a class the numbers themselves count.

    Examples
    --------
    >>> import amp_theory as at
    >>> from amp_theory.exact.formulas.forms import closed_forms
    >>> class Coin(at.Rademacher):
    ...     pass
    >>> @moments_of.register(Coin)
    ... def _coin(prior):
    ...     return PriorMoments(Integer(1), Integer(1))
    >>> closed_forms(at.SpikedMatrix, at.Flow(), prior=Coin).points["weak_recovery"]
    {'noise': 1, 'overlap': 0}
    """
    if isinstance(prior, Prior):
        rho = expression_of("second moment", prior.second_moment)
        return PriorMoments(rho, rho**2 if prior.mean == 0 else None)
    raise InputError(f"{told(prior)} cannot stay open: register its moments with {moments_of.where}")


def parameter(component: Any, name: str) -> Expr:
    """Return a parameter of a prior or a channel exactly, or the symbol for it if a class is given."""
    return PARAMETERS[name] if inspect.isclass(component) else expression_of(name, getattr(component, name))


@moments_of.register(type(None))
def _any_prior(prior: None) -> PriorMoments:
    variance = PARAMETERS["variance"]
    return PriorMoments(variance, variance**2)


@moments_of.register(Rademacher)
def _signs(prior: Rademacher | type[Rademacher]) -> PriorMoments:
    return PriorMoments(Integer(1), Integer(1), curvature=Integer(-2))


@moments_of.register(Gaussian)
def _normal(prior: Gaussian | type[Gaussian]) -> PriorMoments:
    return PriorMoments(Integer(1), Integer(1), gaussian=True, curvature=Integer(-2))


@moments_of.register(SparseRademacher)
@moments_of.register(GaussBernoulli)
def _diluted(prior: Any) -> PriorMoments:
    rho = parameter(prior, "rho")
    return PriorMoments(rho, rho**2, curvature=-2 * rho**3)


@moments_of.register(PottsPrior)
def _groups(prior: PottsPrior | type[PottsPrior]) -> PriorMoments:
    others = parameter(prior, "k") - 1
    return PriorMoments(Integer(1), 1 / others, curvature=(others - 3) / others**2, scalar=False)


@moments_of.register(Discrete)
def _atoms(prior: Discrete) -> PriorMoments:
    values, weights = ([expression_of("atom", x) for x in column] for column in (prior.values, prior.probabilities))
    second, third = (sum(w * v**n for v, w in zip(values, weights, strict=True)) / sum(weights) for n in (2, 3))
    rho = expression_of("second moment", float(second))
    if prior.mean != 0:
        return PriorMoments(rho, None)
    return PriorMoments(rho, rho**2, curvature=expression_of("third moment", float(third)) ** 2 - 2 * rho**3)


@dataclass(frozen=True)
class Dense:
    """Of a dense model: A(q) and B(q), or for a linear channel its noise, and the prior of a family that fixes it."""

    scaled: Terms = ()
    fixed: Terms = ()
    noise: Expr | None = None
    prior: type[Prior] = Rademacher


@ByClass
def dense_form(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    """Return the coupling of a dense model, or of a class of models, from its parameters, some of them symbols.

    Raises
    ------
    InputError
        For a class that has registered none, unless a model is given and its coupling is a polynomial.
    """
    kind = model if isinstance(model, type) else type(model)
    coupling = model.polynomial if isinstance(model, Model) else None
    if coupling is not None:
        return Dense(_terms(coupling.scaled_terms), _terms(coupling.fixed_terms))
    raise InputError(
        f"no closed forms are known for {kind.__name__}: they are for dense models with a polynomial coupling, for "
        f"GLM(prior, LinearChannel()), XORSAT and Bicoloring, and what is registered with {dense_form.where}"
    )


@dense_form.register(IsingPSpin)
def _ising(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    return Dense(((expression_of("p", parameters["p"]), HALF),))


@dense_form.register(SphericalPSpin)
def _spherical(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    return Dense(((expression_of("p", parameters["p"]), HALF),), prior=Gaussian)


@dense_form.register(SherringtonKirkpatrick)
@dense_form.register(SpikedMatrix)
def _pairs(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    return Dense(((Integer(2), HALF),))


@dense_form.register(SpikedTensor)
def _tensor(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    p = expression_of("p", parameters["p"])
    return Dense(((p, 1 / p),))


@dense_form.register(SpikedMatrixTensor)
def _matrix_tensor(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    p, noise = (expression_of(name, parameters[name]) for name in ("p", "tensor_noise"))
    return Dense(((Integer(2), HALF),), ((p, 1 / (p * noise)),), prior=Gaussian)


@dense_form.register(StochasticBlockModel)
def _blocks(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    return Dense(((Integer(2), (expression_of("k", parameters["k"]) - 1) / 2),), prior=PottsPrior)


@dense_form.register(MixedPSpin)
def _mixed(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    return Dense(_terms(parse_polynomial(parameters["xi"], "q").items()))


@dense_form.register(GLM)
def _measurements(model: Model | type[Model], parameters: dict[str, Any]) -> Dense:
    return Dense(noise=linear_noise(parameters["channel"]))


@ByClass
def linear_noise(channel: OutputChannel | type[OutputChannel]) -> Expr:
    """Return the variance of the noise of a channel that is a linear one, or of a class of such channels.

    Raises
    ------
    InputError
        For all others.
    """
    raise InputError(
        f"the coupling of {channel!r} has no closed form; that of LinearChannel() has one, and so has what registers "
        f"its noise with {linear_noise.where}"
    )


@linear_noise.register(LinearChannel)
def _noise(channel: LinearChannel | type[LinearChannel]) -> Expr:
    return parameter(channel, "noise")


def _terms(terms: Iterable[tuple[int, Any]]) -> Terms:
    return tuple((Integer(n), expression_of("coefficient", c)) for n, c in terms)


def _power(kind: type[Model]) -> int:
    """Return n of intensity = control^n."""
    if kind.control == "temperature" and kind.intensity is IsingPSpin.intensity:
        return -2
    if kind.intensity is Model.intensity:
        return 1 if kind.easier == "up" else -1
    raise InputError(f"the control of {kind.__name__} is no simple function of the coupling's factor")
