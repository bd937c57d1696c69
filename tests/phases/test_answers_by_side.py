"""Answers about models of two kinds of variables: numbers, sides, verdicts, files, commands, and what is refused."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface.cli import main
from amp_theory.models.catalogue import build_model, build_path

MODEL = at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.05), 1)
#: lambda, and the strength where there is one, of MODEL: solved with twenty digits by tests/oracles/two_sides.py
KNOWN = {
    "dynamical": 19.336439554713633827, "condensation": 19.492422836870016261, "algorithmic": 20.233408352786472306,
    "weak_recovery": 20.0,
}  # fmt: skip
CUSPS = {
    at.Flow(side="u"): (18.8954141254859, 0.00886289383413929),
    at.Flow(side="v"): (18.7294172884828, 0.165996837003116),
    at.Flow(side="both"): (18.8870004539326, 0.00841367155329103),
    at.Autoregressive(side="v"): (18.974080801688892603, 0.0093703826167444018458),
}
#: rounding of the numbers above, and of one over a control
ROUNDED = 4e-14


@pytest.mark.parametrize(("path", "known"), CUSPS.items(), ids=str)
def test_special_points_lie_within_their_bounds(path, known):
    found = at.thresholds(MODEL, path)
    for name, value in KNOWN.items():
        assert abs(found[name].noise - 1 / value) <= found[name].error + ROUNDED / value, name
    cusp = found.tricritical
    assert abs(cusp.noise - 1 / known[0]) <= cusp.error + ROUNDED / known[0]
    assert abs(cusp.strength - known[1]) <= cusp.errors[path.strength] + ROUNDED
    assert cusp.error < 1e-12  # a bound that says something
    assert abs(at.thresholds(MODEL, path).dynamical.noise - 1 / 19.3364) > found.dynamical.error  # not of any number


def test_both_sides_are_told_where_no_side_is_named():
    assert at.thresholds(MODEL, at.Flow()).tricritical == at.thresholds(MODEL, at.Flow(side="both")).tricritical


def test_numbers_of_the_mixture():
    model = at.GaussianMixture(10, 1)
    found = at.thresholds(model, at.Flow(side="v"))
    numbers = {"dynamical": 0.9572569128, "condensation": 0.9609870365, "tricritical": 0.9446012242}
    for name, value in numbers.items():
        assert float(model.convert(found[name].noise, "noise", "lambda_over_k")) == pytest.approx(value, abs=1e-10)
    assert model.convert(found.weak_recovery.noise, "noise", "lambda_over_k") == pytest.approx(1)


def test_a_gaussian_side_seen_and_both_revealed_fail_together():
    """The cusp is at one y_v, and lambda = y_v + 1/sqrt(alpha M_v') both where a Gaussian u is seen and where a part of
    both sides is revealed: an identity, which other priors break."""
    for aspect in (0.5, 3.0):
        model = at.RectangularMatrix(at.Gaussian(), at.SparseRademacher(0.02), aspect)
        a, b = (at.thresholds(model, p).tricritical for p in (at.Flow(side="u"), at.Autoregressive()))
        assert abs(a.noise - b.noise) <= a.error + b.error
    other = at.RectangularMatrix(at.Rademacher(), at.SparseRademacher(0.02), 1)
    a, b = (at.thresholds(other, p).tricritical for p in (at.Flow(side="u"), at.Autoregressive()))
    assert abs(a.noise - b.noise) > 1e3 * a.error


def test_the_best_side_is_told():
    found = at.best_side(MODEL)
    assert (found.side, found.path, found.decided, found.certainty) == ("v", "autoregressive", True, "conjecture")
    assert found.best == at.thresholds(MODEL, at.Autoregressive(side="v")).tricritical
    noise = [found.points[name].noise for name in found.ranking]
    assert np.all(np.diff(noise) > -1e-12)
    assert len(noise) == 6
    # where nothing has a transition, and where two paths are one, none is ahead
    open_ = at.best_side(at.RectangularMatrix(at.Gaussian(), at.Gaussian(), 1))
    assert (open_.decided, open_.side, open_.path, open_.best) == (False, None, None, None)
    assert open_.report().endswith("best: none, along more than one path no first-order transition is seen")
    alike = at.best_side(at.RectangularMatrix(at.SparseRademacher(0.05), at.SparseRademacher(0.05), 1))
    assert alike.points["flow on u"].noise == pytest.approx(alike.points["flow on v"].noise, rel=1e-12)
    assert (alike.decided, alike.side) == (False, None)
    assert "best: none, the first works no farther" in alike.report()
    with pytest.raises(at.InputError, match="one kind"):
        at.best_side(at.IsingPSpin(3))


def test_verdicts_are_of_both_sides_and_each():
    rows = at.compare_samplers(MODEL)
    at_flow = at.thresholds(MODEL, at.Flow(side="v")).tricritical.noise
    assert rows["flow on v"].at(at_flow * 0.999).succeeds is False
    assert rows["flow on v"].at(at_flow * 1.001).succeeds is True
    assert rows["autoregressive on v"].at(at_flow * 0.999).succeeds is True
    assert rows["flow"].fails[0][1] == at.thresholds(MODEL, at.Flow()).tricritical.noise
    for name in ("mcmc", "langevin", "uniform-diffusion"):
        assert rows[name].at(0.05).succeeds is None
    # binary sides are not taken for a model of spins
    assert (
        at.compare_samplers(at.RectangularMatrix(at.Rademacher(), at.Rademacher(), 1))["mcmc"].at(2.0).succeeds is None
    )


@pytest.mark.parametrize("path", [at.Flow(side="u"), at.Flow(side="v"), at.Autoregressive()], ids=str)
def test_the_error_is_the_free_entropy_lost(path):
    """The area between the branches, from the first-order line on, is the difference where the lower one ends."""
    control = 1 / 19.3
    end = at.path_transitions(MODEL, path, control).to_dict()["uninformed_spinodal"][0][path.strength]
    points = at.fixed_points(MODEL, path, control, end * (1 - 1e-9))
    lost = points.informed.free_entropy - points.uninformed.free_entropy
    assert at.sampling_error(MODEL, path, control).nats_per_variable == pytest.approx(lost, rel=1e-6)


def test_diagrams_are_drawn_saved_and_read(tmp_path):
    diagram = at.phase_diagram(MODEL, at.Flow(side="v"), points=20)
    assert diagram.region(1 / 18.85, 0.13) == "easy"
    assert diagram.region(1 / 19.2, 0.08) == "hard"
    diagram.plot(scaling="lambda")
    at.plot_overlap(MODEL, at.Flow(side="v"), 1 / 19.3)
    diagram.save(tmp_path / "diagram.json")
    again = at.load(tmp_path / "diagram.json")
    assert (again.path, again.model) == (at.Flow(side="v"), MODEL)
    assert np.array_equal(again.line("first_order").strength, diagram.line("first_order").strength)
    with pytest.raises(at.FileError, match="of the side 'v'"):
        at.load(tmp_path / "diagram.json", path=at.Flow())
    mixture = at.phase_diagram(at.GaussianMixture(weights=[0.1, 0.9], aspect=1), at.Flow(side="v"), points=5)
    mixture.save(tmp_path / "mixture.json")
    assert at.load(tmp_path / "mixture.json").model == mixture.model


def test_paths_without_a_side_are_what_they_were():
    assert repr(at.Flow()) == "Flow(schedule=LinearInterpolant())"
    assert repr(at.Autoregressive()) == "Autoregressive(schedule=FractionRevealed(), order='random')"
    assert repr(at.Flow(side="u")) == "Flow(schedule=LinearInterpolant(), side='u')"
    assert repr(at.Autoregressive(side="v")).endswith("order='random', side='v')")
    assert at.Flow() == at.Flow() != at.Flow(side="both")
    assert len({at.Flow(), at.Flow(side="u"), at.Flow(side="u")}) == 2
    assert pickle.loads(pickle.dumps(at.Flow(side="v"))) == at.Flow(side="v")
    plain = at.phase_diagram(at.SphericalPSpin(3), at.Flow(), points=3).to_dict()
    assert "side" not in plain
    assert "side" not in at.thresholds(at.SphericalPSpin(3), at.Flow()).to_dict()
    assert "overlap_u" not in at.fixed_points(at.SphericalPSpin(3), at.Flow(), 0.6, 0.05)[0].to_dict()
    assert build_path("autoregressive", side="u") == at.Autoregressive(side="u")


REFUSED = [
    (lambda: at.Flow(side="w"), "unknown side 'w'"),
    (lambda: at.thresholds(at.IsingPSpin(3), at.Flow(side="u")), "leave it out"),
    (lambda: at.fixed_points(at.XORSAT(3, temperature=0.4), at.Autoregressive(side="v"), 0.5, 0.1), "leave it out"),
    (lambda: at.thresholds(at.Coloring(4), at.Flow(side="u")), "leave it out"),
    (lambda: at.population_thresholds(at.Coloring(4), at.Flow(side="u")), "leave it out"),
    (lambda: at.Mixed(at.Flow(side="u"), at.Autoregressive()), "leave it out"),
    (lambda: at.Flow(side="u").observe(np.ones((1, 3)), 0.1, np.random.default_rng(0)), "leave it out"),
    (lambda: build_path("uniform-diffusion", side="u"), "has no side"),
    (lambda: at.thresholds(MODEL, at.UniformDiscreteDiffusion()), "variables of two kinds"),
    (lambda: at.thresholds(MODEL, at.Birth()), "variables of two kinds"),
    (lambda: at.thresholds(MODEL, at.Autoregressive(order="most-confident")), "not known"),
    (lambda: at.thresholds(MODEL, at.UniformDiscreteDiffusion(), digits=20), "variables of two kinds"),
    (lambda: at.closed_forms(MODEL, at.UniformDiscreteDiffusion()), "variables of two kinds"),
    (lambda: at.best_path(MODEL), "has none"),
    (lambda: at.safe_order(MODEL, at.Flow(), at.Autoregressive(), 0.05), "has none"),
    (lambda: at.optimal_schedule(MODEL, at.Flow(), 0.05, 4), "dense models"),
    (lambda: at.mismatched_error(MODEL, at.Flow(), 0.05, 0.06), "one kind of variables only"),
    (lambda: at.simulate(MODEL, 0.05, 100, 2, 1, ["langevin"]), "the chain for it is heat-bath"),
    (lambda: at.langevin_correlations(MODEL, 0.05, "random"), "."),
    (lambda: at.thresholds(MODEL, at.Flow()).tricritical and at.certify(at.thresholds(MODEL, at.Flow()).tricritical), "."),
    (lambda: at.RectangularMatrix(at.Gaussian(), at.Gaussian(), 0), "aspect"),
    (lambda: at.RectangularMatrix(at.Gaussian(), at.Gaussian(), -1.0), "aspect"),
    (lambda: at.RectangularMatrix(at.Gaussian(), at.Gaussian(), float("nan")), "aspect"),
    (lambda: at.RectangularMatrix(at.Gaussian(), at.Gaussian(), float("inf")), "aspect"),
    (lambda: at.RectangularMatrix(at.Gaussian(), at.Gaussian(), "one"), "aspect"),
    (lambda: at.GaussianMixture(3, 0), "aspect"),
    (lambda: at.GaussianMixture(2.5, 1), "k must be"),
    (lambda: at.RectangularMatrix(at.Gaussian(), "gaussian", 1), "prior"),
    (lambda: at.RectangularMatrix(at.Gaussian(), at.PottsPrior(3), 1), "vector"),
    (lambda: at.GaussianMixture(1, 1), "k must be"),
    (lambda: at.GaussianMixture(3, 1, weights=[0.5, 0.5]), "two clusters"),
    (lambda: at.GaussianMixture(weights=[0.5, 0.6]), "sum to 1"),
    (lambda: at.GaussianMixture(weights=[0.2, 0.3, 0.5]), "two fractions"),
    (lambda: at.fixed_points(MODEL, at.Flow(), 1e-30, 0.1), "too extreme"),
    (lambda: build_model("rectangular-matrix", {"prior": "gaussian"}), "two priors"),
    (lambda: build_model("rectangular-matrix", {"prior_u": "gaussian", "prior_v": "sparse-rademacher", "aspect": 1}), "rho_v"),
    (lambda: build_model("spiked-matrix", {"prior_u": "gaussian"}), "prior_u"),
]  # fmt: skip


@pytest.mark.parametrize(("ask", "says"), REFUSED)
def test_what_is_not_derived_is_refused_in_one_line(ask, says):
    with pytest.raises(at.AmpTheoryError, match=says) as caught:
        ask()
    assert isinstance(caught.value, at.InputError)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) <= 280


def told(capsys, *words):
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_commands_take_sides_and_flat_priors(capsys):
    model = [
        "--set",
        "prior_u=gaussian",
        "--set",
        "prior_v=sparse-rademacher",
        "--set",
        "rho_v=0.05",
        "--set",
        "aspect=1",
    ]
    found = told(capsys, "thresholds", "rectangular-matrix", *model, "--side", "u")
    assert found["parameters"] == {
        "prior_u": "gaussian", "prior_v": "sparse-rademacher", "rho_v": 0.05, "aspect": 1.0,
    }  # fmt: skip
    assert found["side"] == "u"
    assert 1 / found["tricritical"]["noise"] == pytest.approx(CUSPS[at.Flow(side="u")][0])
    points = told(capsys, "fixed-points", "rectangular-matrix", *model, "--control", "0.0518", "--strength", "0.001")
    assert {"overlap_u", "overlap_v"} <= points["fixed_points"][0].keys() & points["fixed_points"][0]["error"].keys()
    side = told(capsys, "best-side", "gaussian-mixture", "--set", "weights=0.1,0.9", "--set", "aspect=1")
    assert side["side"] in "uv"
    assert side["points"].keys() == set(side["ranking"])
    values = ["--set", "prior_u=discrete", "--set", "values_u=-1,1", "--set", "probabilities_u=0.5,0.5"]
    told(capsys, "thresholds", "rectangular-matrix", *values, "--set", "prior_v=rademacher", "--set", "aspect=2")
    assert main(["thresholds", "ising-p-spin", "--set", "p=3", "--side", "u"]) == 2
    assert "leave it out" in capsys.readouterr().err
