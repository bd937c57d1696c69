"""Certificates: the enclosures are rigorous, the proofs hold, and anything perturbed is rejected."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import amp_theory as at
from amp_theory.exact.digits.channels import exact_channel
from amp_theory.exact.digits.contexts import interval_digits, iv, mp
from amp_theory.exact.digits.rules import trapezoid_rule
from amp_theory.exact.proofs.certificates import digest
from amp_theory.exact.proofs.intervals import NAMES, Enclosures, Rule, enclose, hull
from amp_theory.exact.proofs.reduction import Problem

DIGITS = json.loads((Path(__file__).parents[1] / "data" / "digits.json").read_text(encoding="utf-8"))["points"]
ISING, SPARSE = at.IsingPSpin(3), at.SpikedMatrix(at.SparseRademacher(0.08))
#: (model, path, point) and its row in the table of digits
CASES = [
    (ISING, at.Flow(), "dynamical", ("ising", "flow")),
    (ISING, at.Flow(), "condensation", ("ising", "flow")),
    (ISING, at.Flow(), "tricritical", ("ising", "flow")),
    (ISING, at.Autoregressive(), "tricritical", ("ising", "autoregressive")),
    (SPARSE, at.Flow(), "algorithmic", ("sparse", "flow")),
    pytest.param(SPARSE, at.Flow(), "dynamical", ("sparse", "flow"), marks=pytest.mark.slow),
    pytest.param(SPARSE, at.Flow(), "condensation", ("sparse", "flow"), marks=pytest.mark.slow),
    pytest.param(SPARSE, at.Flow(), "tricritical", ("sparse", "flow"), marks=pytest.mark.slow),
    pytest.param(SPARSE, at.Autoregressive(), "tricritical", ("sparse", "autoregressive"), marks=pytest.mark.slow),
]


@cache
def special_points(model, path):
    return at.thresholds(model, path)


def certificate(model, path, point):
    return at.certify(special_points(model, path).points()[point])


@pytest.fixture(scope="module")
def proof():
    return certificate(ISING, at.Flow(), "tricritical")


@pytest.fixture(scope="module")
def quick():
    """A certificate of a spherical model: closed-form channel, verified in a millisecond."""
    return certificate(at.SphericalPSpin(3), at.Flow(), "tricritical")


@pytest.mark.parametrize(("model", "path", "point", "row"), CASES)
@pytest.mark.slow
def test_certificates_hold_the_independent_digits(model, path, point, row):
    made = certificate(model, path, point)
    reference = next(c for c in DIGITS if (c["model"], c["path"], c["point"]) == (*row, point))
    names = {"control": model.control, "strength": path.strength, "overlap": "overlap"}
    for key, name in names.items():
        if key in reference:
            low, high = map(Fraction, made.values[name])
            true = Fraction(reference[key])
            assert low <= true <= high
            assert high - low <= Fraction(1, 10**12) * high
    # the interval of uniqueness is a thousandth wide, not a pin prick
    first, last = map(Fraction, made.unique_within)
    assert (last - first) / first >= Fraction(1, 10**4)
    assert at.verify(json.loads(json.dumps(made.to_dict()))) == made


@pytest.mark.slow
def test_other_models():
    spherical = certificate(at.SphericalPSpin(4), at.Autoregressive(), "tricritical")
    assert Fraction(spherical.values["revealed"][0]) <= Fraction(1, 4) <= Fraction(spherical.values["revealed"][1])
    mixed = at.MixedPSpin("q**2/3 + q**4/2")
    assert at.verify(certificate(mixed, at.Flow(), "dynamical")).model == "mixed-p-spin"
    assert at.verify(certificate(mixed, at.Flow(), "tricritical")).point == "tricritical"
    skew = at.SpikedTensor(3, at.Discrete([-1, 1.5], [0.6, 0.4]))
    assert at.verify(certificate(skew, at.Flow(), "tricritical")).model == "spiked-tensor"


# --- the enclosures ---------------------------------------------------------------------------------------------


@given(snr=st.floats(0.05, 8), case=st.sampled_from(range(4)))
@settings(max_examples=8, deadline=None)
@pytest.mark.slow
def test_enclosures_hold_the_channel(snr, case):
    prior = (
        at.Rademacher(), at.SparseRademacher(0.08), at.Discrete([-1, 0, 2], [0.3, 0.55, 0.15]), at.Gaussian()
    )[case]  # fmt: skip
    channel = exact_channel(prior)
    with interval_digits(30):
        found = enclose(channel, iv.mpf(snr), Rule(12, 10))
        coarse = enclose(channel, iv.mpf(snr), Rule(3, 5))  # wide, but right
    with mp.workdps(40):
        value = channel.values(mp.mpf(snr), trapezoid_rule)
        h = mp.mpf(10) ** -11  # its error is h^2 times the fifth derivative of M, below 1e-18
        bend = (
            channel.values(snr + h, trapezoid_rule).curvature - channel.values(snr - h, trapezoid_rule).curvature
        ) / (2 * h)  # fmt: skip
        for enclosures in (found, coarse):
            for name in NAMES[:4]:
                interval = getattr(enclosures, name)
                assert mp.mpf(interval.a) <= getattr(value, name) <= mp.mpf(interval.b)
            assert mp.mpf(enclosures.bend.a) - 1e-18 <= bend <= mp.mpf(enclosures.bend.b) + 1e-18


def test_enclosures_hold_every_point_of_an_interval():
    channel = exact_channel(at.Rademacher())
    with interval_digits(30):
        wide = enclose(channel, hull(iv.mpf("1.2"), iv.mpf("1.21")), Rule(12, 10))
    with mp.workdps(30):
        for x in ("1.2", "1.2033", "1.205", "1.2099", "1.21"):
            value = channel.values(mp.mpf(x), trapezoid_rule)
            for name in NAMES[:4]:
                assert mp.mpf(getattr(wide, name).a) <= getattr(value, name) <= mp.mpf(getattr(wide, name).b)


def test_quadrature_error_is_inside_its_bound():
    """With far too few nodes the sum is visibly wrong, and the enclosure still holds the truth."""
    channel = exact_channel(at.Rademacher())
    with interval_digits(30):
        coarse, fine = (enclose(channel, iv.mpf("6"), Rule(n, 10)) for n in (1, 16))
    gap = abs(float(mp.mpf(coarse.overlap.mid.a) - mp.mpf(fine.overlap.mid.a)))
    assert gap > 1e-8
    assert float(mp.mpf(coarse.overlap.delta.a)) / 2 > gap


@cache
def sign_channel(x, h):
    """Return psi and M of signs, and three derivatives of M, the last as a difference quotient."""
    here, up, down = (exact_channel(at.Rademacher()).values(x + k * h, trapezoid_rule) for k in (0, 1, -1))
    return here.free_entropy, here.overlap, here.slope, here.curvature, (up.curvature - down.curvature) / (2 * h)


@pytest.mark.parametrize(
    ("model", "path", "point"),
    [(ISING, at.Flow(), "dynamical"), (ISING, at.Flow(), "condensation"), (ISING, at.Flow(), "tricritical"),
     (ISING, at.Autoregressive(), "tricritical"), (at.MixedPSpin("q**2/3 + q**4/2"), at.Flow(), "dynamical"),
     (at.MixedPSpin("q**2/3 + q**4/2"), at.Flow(), "condensation"),
     (at.MixedPSpin("q**2/3 + q**4/2"), at.Flow(), "tricritical")],
)  # fmt: skip
@pytest.mark.slow
def test_derivative_of_the_equation(model, path, point):
    """F' of the reduction is the derivative of F."""
    problem = Problem(model, path, point)
    assert model.variable_prior == at.Rademacher()
    with interval_digits(50), mp.workdps(50):
        x, h = mp.mpf("1.1"), mp.mpf(10) ** -12

        def at_x(value):
            x = iv.mpf(value)
            m = Enclosures(*map(iv.mpf, sign_channel(mp.mpf(value), h)))
            return mp.mpf(problem.reduction.function(x, m).mid.a), mp.mpf(problem.reduction.derivative(x, m).mid.a)

        slope = (at_x(x + h)[0] - at_x(x - h)[0]) / (2 * h)
        assert abs(slope - at_x(x)[1]) < mp.mpf(10) ** -18


# --- rejection --------------------------------------------------------------------------------------------------


def shifted(pair, by):
    with mp.workdps(40):
        return [mp.nstr(mp.mpf(text) * (1 + mp.mpf(by)), 35) for text in pair]


def edited(data, change):
    """Return data that were changed by somebody who renews the digest."""
    new = copy.deepcopy(data)
    change(new)
    try:
        return new | {"digest": digest(new)}
    except at.InputError:  # there is none
        return new


def nested(depth):
    """Return lists in each other."""
    result = []
    for _ in range(depth):
        result = [result]
    return result


NOT_NEAR = "do not belong together"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(solution=shifted(d["solution"], "1e-15")), "does not change its sign"),
        (lambda d: d.update(solution=shifted(d["solution"], "-1e-15")), "does not change its sign"),
        (lambda d: d["values"].update(temperature=shifted(d["values"]["temperature"], "1e-15")), "not enclosed"),
        (lambda d: d["values"].update(overlap=shifted(d["values"]["overlap"], "-1e-14")), "not enclosed"),
        (lambda d: d["values"].update(snr=shifted(d["values"]["snr"], "1e-10")), "not enclosed"),
        (lambda d: d["values"].update(snr=shifted(d["values"]["snr"], "1e-4")), NOT_NEAR),
        (lambda d: d["values"].update(overlap=shifted(d["values"]["overlap"], "-1e-4")), NOT_NEAR),
        (lambda d: d["values"].update(temperature=["1e-99", "1e-99"]), NOT_NEAR),
        (lambda d: d["values"].update(overlap=["1e99", "1e99"]), NOT_NEAR),
        (lambda d: d["values"].update(overlap=["-1", "-1"]), NOT_NEAR),
        (lambda d: d.update(solution=["1e98", "1e98"], unique_within=["1e98", "1e99"]), "at positive x|take hours"),
        (lambda d: d.update(solution=["1e98", "2e98"], unique_within=["1e98", "1e99"]), NOT_NEAR),
        (lambda d: d["values"].update(snr=["0.1", "0.2"]), "too wide"),
        (lambda d: d.update(unique_within=["0.001", "40"]), "may vanish"),
        (lambda d: d.update(unique_within=d["solution"][::-1]), "in order"),
        (lambda d: d.update(unique_within=["0.1", "0.2"]), "must lie within"),
        (lambda d: d["parameters"].update(p=4), NOT_NEAR),
        (lambda d: d["parameters"].update(p=1000), NOT_NEAR),
        (lambda d: d.update(model="ising-p-spin"), NOT_NEAR),
        (lambda d: d.update(model="xorsat", parameters={"k": 3}), "must be written as"),
        (lambda d: d.update(model="xorsat", parameters=at.XORSAT(3).parameters), "polynomial A only"),
        (lambda d: d.update(path="autoregressive"), "the equation is"),
        (lambda d: d.update(point="dynamical"), "the equation is"),
        (lambda d: d.update(point="nonsense"), "certificates are there for"),
        (lambda d: d.update(equation="0 = 0"), "the equation is"),
        (lambda d: d.update(nodes_per_unit=0), "counts must be"),
        (lambda d: d.update(nodes_per_unit="many"), "counts must be"),
        (lambda d: d.update(extra=1), "missing or unknown: extra"),
        (lambda d: d.pop("values"), "missing or unknown: values"),
        (lambda d: d.update(version=3), "no amp_theory certificate"),
        (lambda d: d.update(format="something"), "no amp_theory certificate"),
        (lambda d: d.update(solution=["1", "nan"]), "decimal strings"),
        (lambda d: d.update(solution=["1/3", "1/2"]), "decimal strings"),
        (lambda d: d.update(solution=["1_0", "11"]), "decimal strings"),
        (lambda d: d.update(solution=["0.5", "1e999999999"]), "decimal strings"),
        (lambda d: d.update(solution=["\u0661", "2"]), "decimal strings"),
        (lambda d: d.update(nodes_per_unit=4000, reach=4000), "so fine a quadrature takes long"),
        (lambda d: d.update(nodes_per_unit=9), "so fine a quadrature takes long"),
        (lambda d: d.update(reach=27), "so fine a quadrature takes long"),
        (lambda d: d["parameters"].update(p=10**4000), "p must be"),
        (lambda d: d["parameters"].update(p=10**5000), "more than finite numbers"),
        (lambda d: d["parameters"].update(p=float("inf")), "more than finite numbers"),
        (lambda d: d["parameters"].update(p={3}), "more than finite numbers"),
        (lambda d: d["parameters"].update(p=nested(100_000)), "more than finite numbers"),
        (lambda d: d["values"].update(snr=["0." + "1" * 1000, "0.2"]), "decimal strings"),
        (lambda d: d["parameters"].update(p="3"), "must be written as"),
        (lambda d: d["parameters"].update(p=3.0), "must be written as"),
        (lambda d: d.update(version=True), "no amp_theory certificate"),
        (lambda d: d.update({3: 4}), "missing or unknown: 3"),
        (lambda d: d.update(solution=[0.1, 0.2]), "decimal strings"),
        (lambda d: d["values"].pop("snr"), "values must be those of"),
        (lambda d: d["parameters"].update(p=2.5), "p must be an integer"),
        (lambda d: d.update(parameters=[3]), "parameters must be"),
        (lambda d: d.update(values="all"), "values must be"),
    ],
)  # fmt: skip
@pytest.mark.every(3)
def test_perturbed_certificates_are_rejected(quick, change, message):
    data = quick.to_dict()
    assert at.verify(data) == quick
    with pytest.raises(at.InputError, match=message):
        at.verify(edited(data, change))


@pytest.mark.slow
def test_perturbed_ising_certificates_are_rejected(proof):
    data = proof.to_dict()
    for change in (
        lambda d: d.update(solution=shifted(d["solution"], "1e-14")),  # doubles cannot tell
        lambda d: d["values"].update(snr=shifted(d["values"]["snr"], "1e-14")),
        lambda d: d["parameters"].update(p=4),
        lambda d: d.update(nodes_per_unit=1),  # true, but no longer proved
    ):
        with pytest.raises(at.InputError, match="the certificate is wrong"):
            at.verify(edited(data, change))


def test_a_certificate_object_is_checked_like_its_data(quick):
    for change in ({"values": quick.values | {"snr": ("1.2_4", "1.2_5")}}, {"nodes_per_unit": -3}, {"reach": 2.5},
                   {"solution": ("a", "b")}, {"model": [1]}, {"parameters": None}):  # fmt: skip
        with pytest.raises(at.InputError):
            at.verify(replace(quick, **change))


def forged(model, path, point, centre):
    """Return a proof about the right equation that `certify` would not make."""
    from amp_theory.exact.proofs.certificates import WORKING, _prove

    with interval_digits(WORKING):
        return _prove(Problem(model, path, point), mp.mpf(centre))


@pytest.mark.slow
def test_equations_that_are_not_of_the_point():
    """The same equation has other solutions: they are not the point that is claimed."""
    # the lower fold of the sparse matrix is where the uninformed branch ends, not where a branch appears
    special = special_points(SPARSE, at.Flow())
    low = at.certify(special.algorithmic)
    with pytest.raises(at.InputError, match="sign that does not belong"):
        at.verify(edited(low.to_dict(), lambda d: d.update(point="dynamical")))
    high = certificate(ISING, at.Flow(), "dynamical")
    with pytest.raises(at.InputError, match="sign that does not belong"):
        at.verify(edited(high.to_dict(), lambda d: d.update(point="algorithmic")))
    wrong = replace(special.dynamical, control=special.algorithmic.control, overlap=special.algorithmic.overlap)
    with pytest.raises(at.NumericalError):
        at.certify(wrong)
    # q = 0 is no fixed point: no jump from there
    with pytest.raises(at.InputError, match="jump from overlap 0 only"):
        forged(at.MixedPSpin("q/100 + q**3/2"), at.Flow(), "condensation", "2.3")
    # a spurious cusp at negative strength
    with pytest.raises((at.InputError, at.NumericalError), match="has no tricritical point|too wide"):
        forged(SPARSE, at.Flow(), "tricritical", "0.554")


@pytest.mark.slow
def test_rational_atoms_of_two_groups():
    proof = certificate(at.SpikedMatrix(at.two_groups(0.2)), at.Flow(), "dynamical")
    assert at.verify(json.loads(json.dumps(proof.to_dict()))) == proof
    with pytest.raises(at.InputError, match="rational atoms"):
        at.certify(at.thresholds(at.SpikedMatrix(at.two_groups(0.15)), at.Flow()).dynamical)


def test_too_many_atoms_are_refused_at_once():
    atoms = at.Discrete([k - 29.5 for k in range(60)], [1 / 60] * 60)
    with pytest.raises(at.NumericalError, match="would take hours"):
        forged(at.SpikedTensor(3, atoms), at.Flow(), "dynamical", "1.5")


def test_what_cannot_be_certified():
    special = special_points(SPARSE, at.Flow())
    with pytest.raises(at.InputError, match="certificates are there for dynamical"):
        at.certify(special.weak_recovery)
    with pytest.raises(at.InputError, match="certify takes a point"):
        at.certify(special)
    with pytest.raises(at.InputError, match="does not know its model"):
        at.certify(at.path_transitions(ISING, at.Flow(), 0.7).first_order[0])
    with pytest.raises(at.InputError, match="Gaussian and discrete priors"):
        at.certify(at.thresholds(at.SpikedMatrix(at.GaussBernoulli(0.05)), at.Flow()).dynamical)
    with pytest.raises(at.InputError, match="polynomial A only"):
        at.certify(at.thresholds(at.SpikedMatrixTensor(3, 0.8), at.Flow()).dynamical)
    with pytest.raises(at.InputError, match="jump from overlap 0 only"):
        at.certify(at.thresholds(at.MixedPSpin("q/100 + q**3/2"), at.Flow()).condensation)
    with pytest.raises(at.InputError, match="certificates are there for dynamical"):
        at.certify(at.thresholds(ISING, at.UniformDiscreteDiffusion()).tricritical)


# --- files -------------------------------------------------------------------------------------------------------


def test_files(tmp_path, quick):
    file = tmp_path / "proof.json"
    quick.save(file)
    assert at.verify(file) == quick
    assert file.stat().st_size < 2000
    with pytest.raises(at.FileError):
        quick.save(file)
    quick.save(file, overwrite=True)
    file.write_text("no JSON")
    with pytest.raises(at.InputError, match="it is no JSON"):
        at.verify(file)
    file.write_text("[" * 100_000)
    with pytest.raises(at.InputError, match="it is no JSON"):
        at.verify(file)
    file.write_text("[1]")
    with pytest.raises(at.InputError, match="no JSON object"):
        at.verify(str(file))
    with pytest.raises(at.FileError, match="cannot read"):
        at.verify(tmp_path / "missing.json")
    with pytest.raises(at.InputError, match="verify takes"):
        at.verify(3)


def test_texts(quick):
    assert "has exactly one solution" in str(quick)
    assert "snr" in quick.report()
    assert quick._repr_html_().startswith("<table>")
