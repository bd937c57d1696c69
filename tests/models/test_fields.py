"""Spin glasses in a field: what the parameter is, and that nothing derived for planted measures answers."""

import pickle

import pytest

import amp_theory as at
from amp_theory.models.catalogue import build_model

MODELS = [
    (at.IsingPSpin, {"p": 3}),
    (at.SphericalPSpin, {"p": 4}),
    (at.SherringtonKirkpatrick, {}),
    (at.MixedPSpin, {"xi": "q**2/8 + q**4/2"}),
    (at.MixedPSpin, {"xi": "q**2/8 + q**4/2", "prior": at.Gaussian()}),
]


@pytest.mark.parametrize(("kind", "given"), MODELS)
def test_field_is_a_parameter_unless_it_is_zero(kind, given):
    plain, zero, model = kind(**given), kind(**given, field=-0.0), kind(**given, field=0.2)
    assert (zero, hash(zero), repr(zero)) == (plain, hash(plain), repr(plain))
    assert "field" not in repr(plain)
    assert "field" not in plain.parameters
    assert model != plain
    assert model.without_field == plain
    assert plain.without_field is plain
    assert model.parameters == plain.parameters | {"field": 0.2}
    assert repr(model) == repr(plain)[:-1] + (", " if given else "") + "field=0.2)"
    assert build_model(model.name, model.parameters) == model == pickle.loads(pickle.dumps(model))
    assert model.outer_overlap
    assert not plain.outer_overlap


@pytest.mark.parametrize(("kind", "given"), MODELS)
@pytest.mark.parametrize("field", [-0.1, float("nan"), float("inf"), "strong", True, [0.1]])
def test_fields_that_are_none(kind, given, field):
    with pytest.raises(at.InputError, match="^field must be"):
        kind(**given, field=field)


def test_field_is_for_ising_and_spherical_spins():
    with pytest.raises(at.InputError, match="Ising spins"):
        at.MixedPSpin("q**3/2", at.SparseRademacher(0.1), field=0.1)
    assert at.MixedPSpin("q**3/2", at.SparseRademacher(0.1), field=0.0).prior == at.SparseRademacher(0.1)


@pytest.mark.parametrize(("kind", "given"), MODELS)
def test_only_the_random_measure_is_there(kind, given):
    model = kind(**given, field=0.2)
    assert model.target == model.check_target("random") == "random"
    assert kind(**given).check_target("planted") == "planted"
    with pytest.raises(at.InputError, match="no planted counterpart: in a field"):
        model.check_target("planted")
    for name in ("variable_prior", "coupling", "polynomial"):
        with pytest.raises(at.InputError, match="derived for planted measures only"):
            getattr(model, name)
        assert getattr(model.without_field, name) is not None


@pytest.mark.parametrize(
    "asked",
    [
        lambda m: at.sampling_error(m, at.Flow(), 0.7),
        lambda m: at.safe_order(m, at.Flow(), at.Autoregressive(), 0.7),
        lambda m: at.closed_forms(m, at.Flow()),
        lambda m: at.thresholds(m, at.Flow(), digits=20),
        lambda m: at.state_evolution(m, at.Flow(), 0.7, 0.1),
        lambda m: at.tricritical_expansion(m, at.Flow()),
        lambda m: at.equilibrium_correlation(m, 0.8, end_time=1.0),
    ],
)
def test_what_is_derived_for_planted_measures_is_refused(asked):
    with pytest.raises(at.InputError, match="SphericalPSpin.*field=0.2.*derived for planted measures only"):
        asked(at.SphericalPSpin(3, field=0.2))


@pytest.mark.parametrize("model", [at.SphericalPSpin(3, field=0.2), at.RandomPerceptron()], ids=repr)
def test_the_best_path_of_random_measures_is_refused_with_its_reason(model):
    with pytest.raises(
        at.InputError, match=r"planted measures: the variables of .* have random outer fields"
    ) as refusal:
        at.best_path(model)
    assert str(model) in str(refusal.value)
    assert "\n" not in str(refusal.value)
