"""Usual short forms and symbols find our names, and nothing is taken for what it is not."""

from __future__ import annotations

import pickle

import pytest

import amp_theory as at
from amp_theory.finite.samplers.samplers import SAMPLERS
from amp_theory.models.catalogue import CHANNELS, MODELS, PATHS, PRIORS, SCHEDULES, arguments, build_model, build_path
from amp_theory.models.synonyms import RELATED, SYNONYMS, canonical, meanings
from amp_theory.trials.simulation import CHAINS

TABLES = (MODELS, PRIORS, CHANNELS, PATHS, SCHEDULES)
#: every name that a synonym may stand for
NAMES = {
    *(name for table in TABLES for name in table), *SAMPLERS, *CHAINS, *(s.sampler for s in at.compare_samplers(at.IsingPSpin(3)).samplers),
    *(m.control for m in MODELS.values()), *(p.strength for p in PATHS.values()), "mean_degree",
    *(n for table in TABLES[:3] for kind in table.values() for n in arguments(kind)),
}  # fmt: skip


def test_synonyms_stand_for_names_that_exist():
    for table in (SYNONYMS, RELATED):
        for word, names in table.items():
            assert set(names) <= NAMES, word
            assert word not in names
    assert not SYNONYMS.keys() & RELATED.keys()
    assert all(word == "T" or word == word.lower() for word in (*SYNONYMS, *RELATED))


@pytest.mark.parametrize(("word", "parameters", "model"), [
    ("sk", {}, at.SherringtonKirkpatrick()), ("SBM", {"k": 3}, at.StochasticBlockModel(3)),
    ("p_spin", {"p": 3}, at.IsingPSpin(3)), ("nae-sat", {"k": 4, "T": 0.5}, at.Bicoloring(4, temperature=0.5)),
    ("glm", {"prior": "ising", "channel": "linear", "Delta": 0.25}, at.GLM(at.Rademacher(), at.LinearChannel(0.25))),
    ("spiked-matrix-tensor", {"p": 3, "Delta_p": 2}, at.SpikedMatrixTensor(3, 2)),
])  # fmt: skip
def test_models(word, parameters, model):
    assert build_model(word, parameters) == model


@pytest.mark.parametrize(("path", "schedule", "made"), [
    ("flow", "vp", at.Flow(at.VariancePreserving())), ("diffusion", "VE", at.Flow(at.VarianceExploding())),
    ("flow-matching", "ot", at.Flow()), ("masked", "masked", at.Autoregressive(at.MaskedDiffusion())),
    ("uniform", "flip", at.UniformDiscreteDiffusion(at.FlipProbability())), ("flow", "sl", at.Flow(at.StochasticLocalization())),
])  # fmt: skip
def test_paths(path, schedule, made):
    assert build_path(path, schedule) == made


@pytest.mark.parametrize(("name", "parameters", "message"), [
    ("spiked-matrix", {"prior": "rademacher", "Delta": 0.5}, "'Delta' is the control of the model spiked-matrix, noise"),
    ("spiked-matrix", {"prior": "rademacher", "noise": 0.5}, "'noise' is the control"),
    ("spiked-matrix-tensor", {"p": 3, "Delta": 0.5}, "'Delta' is the control"),
    ("ising-p-spin", {"p": 3, "T": 0.5}, "'T' is the control of the model ising-p-spin, temperature"),
    ("ising-p-spin", {"p": 3, "beta": 2}, "'beta' tells the control of the model ising-p-spin, temperature"),
    ("xorsat", {"k": 3, "alpha": 0.5}, "'alpha' is the control of the model xorsat, density"),
    ("ising-p-spin", {"p": 3, "gamma2": 0.5}, "'gamma2' tells the strength of the path flow, snr"),
    ("bicoloring", {"k": 3, "T": 0.5, "temperature": 1}, "'temperature' is given twice: 'T' is another word for it"),
    ("spiked-matrix", {"prior": "sparse-rademacher", "sparsity": 0.1}, "did you mean 'rho'"),
    ("3-spin", {}, "did you mean 'ising-p-spin'"), ("hopfield", {}, "unknown model 'hopfield'; known"),
    ("t", {}, "unknown model 't'"), ("compressed-sensing", {}, "did you mean 'glm'"),
])  # fmt: skip
def test_what_is_meant_is_said(name, parameters, message):
    with pytest.raises(at.InputError) as error:
        build_model(name, parameters)
    assert message in str(error.value)
    assert len(str(error.value)) <= 280
    assert "--" not in str(error.value), "an option, to who may call from Python"
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_classes_are_known_by_their_names_in_python():
    everything = [name for table in TABLES for name in table]
    for table in TABLES:
        for name, kind in table.items():
            assert canonical("name", kind.__name__, table) == canonical("name", kind.__name__, everything) == name
    assert build_model("IsingPSpin", {"p": 3}) == at.IsingPSpin(3)
    parts = {"prior": "SparseRademacher", "rho": 0.1, "channel": "SignChannel"}
    assert build_model("GLM", parts) == at.GLM(at.SparseRademacher(0.1), at.SignChannel())
    assert build_path("UniformDiscreteDiffusion", "FlipProbability") == at.UniformDiscreteDiffusion(
        at.FlipProbability()
    )
    assert canonical("sampler", "HeatBath", CHAINS) == "heat-bath"
    for near in ("IsingPSpn", "IsingPSpin2", "SparseRademacher ", "Sign-Chanel", "-", "_"):
        with pytest.raises(at.UnknownNameError):
            canonical("name", near, everything)


def test_a_name_is_never_taken_for_another_word():
    for table in (*TABLES, SAMPLERS, CHAINS):
        for name in table:
            assert canonical("name", name, table) == name
    assert canonical("sampler", "masked", SAMPLERS) == "masked"
    for strange in (None, 3, ("sk",), ["sk"], "", "sk ", "\0"):
        assert meanings(strange) == ()
        with pytest.raises(at.UnknownNameError):
            canonical("model", strange, MODELS)


def test_one_vocabulary_of_samplers():
    settings = {"control": 1.5, "size": 12, "instances": 1, "seed": 1, "batch": 6, "steps": 3, "sweeps": 4}
    one = at.simulate(at.IsingPSpin(3), samplers=["mcmc", "masked-diffusion", "uniform"], **settings)
    other = at.simulate(at.IsingPSpin(3), samplers=["heat-bath", "masked", "uniform-diffusion"], **settings)
    assert list(one.samplers) == ["heat-bath", "masked", "uniform-diffusion"]
    assert one.to_dict() == other.to_dict()
    with pytest.raises(at.InputError, match="different names"):
        at.simulate(at.IsingPSpin(3), samplers=["mcmc", "heat-bath"], **settings)
    verdicts = at.compare_samplers(at.IsingPSpin(3))
    for word, name in (
        ("heat-bath", "mcmc"),
        ("diffusion", "flow"),
        ("masked", "autoregressive"),
        ("langevin", "langevin"),
    ):
        assert verdicts[word] is verdicts[name]
    with pytest.raises(at.UnknownNameError, match="unknown sampler 'parallel-tempering'"):
        _ = verdicts["parallel-tempering"]
    instance = at.draw_instance(at.IsingPSpin(3), 1.5, size=10, seed=0)
    assert at.draw_samples(instance, "absorbing", 2, 1, steps=3).sampler == "masked"


def test_scalings():
    model = at.SpikedMatrix(at.Rademacher())
    assert model.convert(4.0, "Delta", "sqrt_lambda") == 0.5
    assert model.convert(4.0, "noise", "lambda") == 0.25  # a scaling of that name, not another word for the noise
    with pytest.raises(at.UnknownNameError, match="did you mean 'noise'"):
        model.convert(4.0, "nois", "lambda")
