"""What things are called elsewhere: symbols and usual short forms of names, and which of our names they mean."""

from __future__ import annotations

from collections.abc import Iterable

from amp_theory.tools.errors import InputError, unknown_name

#: other words for one thing, in lower case where they are no symbols, and our names for it in different places
SYNONYMS: dict[str, tuple[str, ...]] = {
    # models
    "sk": ("sherrington-kirkpatrick",), "p-spin": ("ising-p-spin",), "spherical": ("spherical-p-spin",),
    "sbm": ("stochastic-block-model",), "spiked-wigner": ("spiked-matrix",), "wigner": ("spiked-matrix",),
    "generalised-linear-model": ("glm",), "generalized-linear-model": ("glm",), "k-xorsat": ("xorsat",),
    "nae-sat": ("bicoloring",), "naesat": ("bicoloring",), "bicolouring": ("bicoloring",),
    "colouring": ("coloring",),
    # priors and channels
    "ising": ("rademacher",), "bernoulli-gauss": ("gauss-bernoulli",), "perceptron": ("sign",),
    "phase-retrieval": ("abs",),
    # paths and samplers
    "diffusion": ("flow",), "flow-matching": ("flow",), "ar": ("autoregressive",), "masked": ("autoregressive",),
    "masked-diffusion": ("masked", "autoregressive"), "absorbing": ("masked", "autoregressive"),
    "uniform-discrete-diffusion": ("uniform-diffusion",), "uniform": ("uniform-diffusion",),
    "mcmc": ("heat-bath",), "heat-bath": ("mcmc",), "gibbs": ("heat-bath", "mcmc"), "glauber": ("heat-bath", "mcmc"),
    "pt": ("parallel-tempering",), "replica-exchange": ("parallel-tempering",),
    "any-product-path": ("any product path",), "any-denoiser": ("any denoiser (bound)",),
    # schedules
    "vp": ("variance-preserving",), "ou": ("variance-preserving",), "ornstein-uhlenbeck": ("variance-preserving",),
    "ve": ("variance-exploding",), "sl": ("stochastic-localization",), "ot": ("linear",),
    "optimal-transport": ("linear",), "trig": ("trigonometric",), "cosine": ("trigonometric",),
    "flip": ("flip-probability",),
    # classes in Python, where they are called otherwise
    "linearchannel": ("linear",), "signchannel": ("sign",), "probitchannel": ("probit",), "abschannel": ("abs",),
    "reluchannel": ("relu",), "doorchannel": ("door",), "uniformdiscretediffusion": ("uniform-diffusion",),
    "strengthastime": ("strength-as-time",),
    "linearinterpolant": ("linear",), "trigonometricinterpolant": ("trigonometric",),
    "maskeddiffusion": ("masked",),
    # symbols of parameters, controls and their scalings
    "T": ("temperature",), "delta": ("noise",), "sigma2": ("noise",), "alpha": ("sampling_ratio", "density"),
    "delta-p": ("tensor_noise",), "c": ("mean_degree",), "gamma2": ("snr",),
    "theta": ("revealed",),
}  # fmt: skip
#: words for what is near, not the same: a suggestion
RELATED: dict[str, tuple[str, ...]] = {
    "beta": ("temperature",), "lambda": ("noise",), "gamma": ("snr",), "epsilon": ("retention", "flip-probability"),
    "sparsity": ("rho",), "3-spin": ("ising-p-spin",), "3-xorsat": ("xorsat",), "compressed-sensing": ("glm",),
    "potts": ("stochastic-block-model", "coloring"), "bernoulli": ("discrete",), "normal": ("gaussian",),
    "langevin-dynamics": ("langevin",),
}  # fmt: skip


def meanings(word: object, related: bool = False) -> tuple[str, ...]:
    """Return our names for what a word means, with those of what is near it if asked for."""
    if not isinstance(word, str):
        return ()
    folded = word.lower().replace("_", "-")
    found = SYNONYMS.get(word, SYNONYMS.get(folded, ()))
    return found + RELATED.get(folded, ()) if related else found


def _plain(word: str) -> str:
    """Return a word without what tells a name from that of its class in Python."""
    return word.lower().replace("-", "").replace("_", "")


def canonical(kind: str, given: object, known: Iterable[str]) -> str:
    """Return the known name that is given, or the first one that what is given is another word for.

    Neither case nor hyphens matter: a class's name in Python is another word for it.

    Raises
    ------
    UnknownNameError
        If there is none, with what may be meant.

    Examples
    --------
    >>> canonical("schedule", "VP", ["linear", "variance-preserving"])
    'variance-preserving'
    >>> canonical("model", "IsingPSpin", ["glm", "ising-p-spin"])
    'ising-p-spin'
    """
    names = list(known)
    if isinstance(given, str) and given in names:
        return given
    same = [name for name in meanings(given) if name in names]
    same += [name for name in names if isinstance(given, str) and _plain(name) == _plain(given)]
    if same:
        return same[0]
    near = [name for name in meanings(given, related=True) if name in names]
    raise unknown_name(kind, given, names, near[0] if near else None)


def with_our_names(kind: str, given: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Return for every name given the known one that it means, or itself where it means none.

    Raises
    ------
    InputError
        If two names mean the same.
    """
    names, found = list(known), {}
    for word in given:
        same = [name for name in meanings(word) if name in names]
        found[word] = same[0] if word not in names and same else word
    for word, name in found.items():
        if word != name and list(found.values()).count(name) > 1:
            raise InputError(f"the {kind} {name!r} is given twice: {word!r} is another word for it")
    return found
