"""Whatever happens to a certificate, `verify` says so soon: a proof is begun only for what may be right."""

from __future__ import annotations

import json
import random
import re
import time
from fractions import Fraction

import pytest

import amp_theory as at
from amp_theory.exact.proofs.certificates import (
    MOST_CHARACTERS,
    Certificate,
    _check_affordable,
    _rule,
    _snr,
    certifiable,
    digest,
)
from amp_theory.interface import cli

#: seconds within which damage is noticed
SOON = 2.0
NUMBER = re.compile(r"[0-9]+")


@pytest.fixture(scope="module")
def proof():
    return at.certify(at.thresholds(at.IsingPSpin(3), at.Flow()).tricritical)


def refused(source):
    """Return the seconds until `verify` refuses, or None if it does not."""
    begin = time.perf_counter()
    try:
        at.verify(source)
    except at.AmpTheoryError:
        return time.perf_counter() - begin
    return None


# --- damage -----------------------------------------------------------------------------------------------------


def change_byte(rng, text):
    k = rng.randrange(len(text))
    return text[:k] + bytes([rng.randrange(256)]) + text[k + 1 :]


def change_digit(rng, text):
    places = [k for k, byte in enumerate(text) if chr(byte).isdigit()]
    k = rng.choice(places)
    return text[:k] + rng.choice(b"0123456789").to_bytes() + text[k + 1 :]


def change_number(rng, text):
    match = rng.choice(list(NUMBER.finditer(text.decode())))
    other = rng.choice(["0", "1" + "0" * rng.randrange(1, 6000), "1e99", "1e999999999", "9" * 50, "-1", "NaN", "3.0"])
    return (text.decode()[: match.start()] + other + text.decode()[match.end() :]).encode()


def cut(rng, text):
    return text[: rng.randrange(len(text))]


def lose_a_part(rng, text):
    a, b = sorted(rng.sample(range(len(text)), 2))
    return text[:a] + text[b:]


def repeat_a_part(rng, text):
    a, b = sorted(rng.sample(range(len(text)), 2))
    return text[:b] + text[a:b] * rng.choice([1, 2, 1000]) + text[b:]


def nest(rng, text):
    k, depth = rng.randrange(len(text)), rng.choice([3, 900, 100_000])
    return text[:k] + rng.choice([b"[", b'{"a":']) * depth + text[k:]


def nest_a_number(rng, text):
    data, depth = json.loads(text), rng.choice([3, 500])
    data["parameters"]["p"] = json.loads("[" * depth + "3" + "]" * depth)
    return json.dumps(data).encode()


def lengthen_a_text(rng, text):
    data = json.loads(text)
    name = rng.choice(["model", "path", "point", "equation", "digest", "format"])
    data[name] += "x" * rng.choice([1, 1000, 150_000, 10_000_000])
    return json.dumps(data).encode()


DAMAGE = [
    change_byte, change_byte, change_digit, change_digit, change_number, cut, lose_a_part, repeat_a_part, nest,
    nest_a_number, lengthen_a_text,
]  # fmt: skip


def damaged(proof, tmp_path, seed, number):
    """Return the slowest refusal of so many damaged files."""
    file, rng, slowest, seen = tmp_path / "proof.json", random.Random(seed), 0.0, 0
    proof.save(file)
    text, data = file.read_bytes(), proof.to_dict()
    while seen < number:
        change = rng.choice(DAMAGE)
        file.write_bytes(change(rng, text))
        try:
            if json.loads(file.read_bytes()) == data:  # a space became a line break
                continue
        except (ValueError, RecursionError):
            pass
        seen += 1
        took = refused(file)
        assert took is not None, (change.__name__, file.read_bytes()[:5000])
        assert took < SOON, (change.__name__, file.read_bytes()[:5000])
        slowest = max(slowest, took)
    return slowest


@pytest.mark.slow
def test_damaged_files_are_refused_at_once(proof, tmp_path):
    damaged(proof, tmp_path, 1, 60)


@pytest.mark.slow
def test_many_damaged_files_are_refused_at_once(proof, tmp_path):
    print("slowest refusal", damaged(proof, tmp_path, 2, 2000))


@pytest.mark.slow
def test_every_byte_counts(proof, tmp_path):
    """Negative control, and the strictest case: without the digest many a changed digit stays a true certificate."""
    text = json.dumps(proof.to_dict())
    file = tmp_path / "proof.json"
    file.write_text(text)
    assert at.verify(file) == proof
    for k, character in enumerate(text):
        if character.isdigit():
            file.write_text(text[:k] + str((int(character) + 1) % 10) + text[k + 1 :])
            assert refused(file) < SOON


@pytest.mark.slow
def test_certificates_of_version_1_are_proved_again(proof):
    """They carry no digest: the proof tells, and cheap facts before it."""
    data = {name: value for name, value in proof.to_dict().items() if name != "digest"} | {"version": 1}
    assert at.verify(data) == proof
    _, high = data["solution"]
    with pytest.raises(at.InputError):
        at.verify(data | {"solution": [high, high]})
    with pytest.raises(at.InputError, match="entries missing or unknown: digest"):
        at.verify(data | {"version": 2})
    with pytest.raises(at.InputError, match="of versions 1 to 2"):
        at.verify(data | {"version": 3})


def test_a_file_that_does_not_end_is_refused(tmp_path):
    file = tmp_path / "proof.json"
    file.write_text(" " * (MOST_CHARACTERS + 1))
    with pytest.raises(at.FileError, match="bytes are more than"):
        at.verify(file)
    with pytest.raises(at.FileError, match="not a regular file"):
        at.verify("/dev/zero")


# --- forgery ----------------------------------------------------------------------------------------------------


def is_true(found, proof):
    """Tell whether a changed certificate states what the proof states, with other intervals around it."""
    pairs = [(found.solution, proof.solution), *((found.values[n], proof.values[n]) for n in proof.values)]
    overlapping = all(Fraction(a[0]) <= Fraction(b[1]) and Fraction(b[0]) <= Fraction(a[1]) for a, b in pairs)
    return overlapping and (found.model, found.parameters, found.path, found.point) == (
        proof.model, proof.parameters, proof.path, proof.point,
    )  # fmt: skip


def forge(proof, seed, number, longest):
    """Check that changed numbers with a digest of their own are refused, or right, in so many seconds."""
    rng, kept = random.Random(seed), 0
    text = json.dumps({k: v for k, v in proof.to_dict().items() if k not in ("digest", "format", "version")})
    for _ in range(number):
        change = rng.choice([change_digit, change_digit, change_number])
        try:
            data = json.loads(change(rng, text.encode())) | {"format": "amp_theory certificate", "version": 2}
            data |= {"digest": digest(data)}
        except (ValueError, at.InputError):
            continue
        begin = time.perf_counter()
        try:
            found = at.verify(data)
        except at.AmpTheoryError:
            found = None
        assert time.perf_counter() - begin < longest, data
        kept += found is not None
        assert found is None or is_true(found, proof), data
    return kept


def test_forged_certificates_are_refused():
    proof = at.certify(at.thresholds(at.SphericalPSpin(3), at.Flow()).tricritical)
    assert 0 < forge(proof, 1, 200, SOON) < 150


@pytest.mark.slow
def test_forged_certificates_of_discrete_priors_are_refused(proof):
    forge(proof, 2, 30, 5 * SOON)


def large():
    """Return what would be a certificate of 24 atoms: its proof takes minutes, and is not made here."""
    atoms = at.Discrete([k - 11.5 for k in range(24)], [1 / 24] * 24)
    model, path = at.SpikedTensor(3, atoms), at.Flow()
    point = at.thresholds(model, path).dynamical
    problem = certifiable(model, path, "dynamical")
    x = _snr(problem, point.control, point.overlap, point.strength)
    rule = _rule(problem, x)
    _check_affordable(problem, rule)

    def around(value, width):
        return f"{value * (1 - width):.25g}", f"{value * (1 + width):.25g}"

    return Certificate(
        model.name, model.parameters, path.name, "dynamical", "x A''(M) M' - A'(M) = 0", around(x, 1e-15), around(x, 1e-5),
        {"noise": around(point.control, 1e-14), "overlap": around(point.overlap, 1e-14)}, rule.per_unit, rule.reach,
    )  # fmt: skip


def test_long_proofs_are_begun_for_near_numbers_only(monkeypatch):
    stated = large()
    begun = []
    monkeypatch.setattr("amp_theory.exact.proofs.reduction.Problem.changes_sign", lambda *_: bool(begun.append(1)))
    with pytest.raises(at.InputError, match="F does not change its sign"):
        at.verify(stated)
    assert begun
    for name in stated.values:
        for factor in (0.5, 0.999, 1.001, 1e3, 1e-30, 1e30):
            data = stated.to_dict()
            data["values"][name] = [f"{float(text) * factor:.25g}" for text in data["values"][name]]
            took = refused(data | {"digest": digest(data)})
            assert took is not None
            assert took < SOON
    for name, value in (("nodes_per_unit", 10 * stated.nodes_per_unit), ("reach", 130)):
        data = stated.to_dict() | {name: value}
        assert refused(data | {"digest": digest(data)}) < SOON
    assert len(begun) == 1


# --- models without certificates ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["xorsat", "--set", "k=3"], "polynomial A only"),
        (["bicoloring", "--set", "k=5"], "polynomial A only"),
        (["coloring", "--set", "q=4"], "polynomial A only"),
        (["glm", "--set", "prior=rademacher", "--set", "channel=abs"], "polynomial A only"),
        (["glm", "--set", "prior=rademacher", "--set", "channel=door", "--set", "kappa=0.7"], "polynomial A only"),
        (["row-orthogonal-sensing", "--set", "prior=rademacher", "--set", "noise=0.1"], "polynomial A only"),
        (["spiked-matrix-tensor", "--set", "p=3", "--set", "tensor_noise=0.8"], "polynomial A only"),
        (["spiked-matrix", "--set", "prior=gauss-bernoulli", "--set", "rho=0.1"], "rational atoms only"),
        (["stochastic-block-model", "--set", "k=4"], "rational atoms only"),
        (["ising-p-spin", "--set", "p=3", "--path", "uniform-diffusion"], "points along Flow and Autoregressive"),
    ],
)
def test_models_without_certificates_are_refused_before_any_search(monkeypatch, capsys, words, message):
    def search(*_):
        raise AssertionError("a search was begun")

    monkeypatch.setattr("amp_theory.phases.points.thresholds.thresholds", search)
    begin = time.perf_counter()
    assert cli.main(["certify", *words, "--point", "tricritical"]) == 2
    assert time.perf_counter() - begin < SOON
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1


def test_a_search_is_begun_where_there_are_certificates(monkeypatch):
    """Negative control of the test above."""

    def search(*_):
        raise AssertionError("a search was begun")

    monkeypatch.setattr("amp_theory.phases.points.thresholds.thresholds", search)
    with pytest.raises(AssertionError, match="a search was begun"):
        cli.main(["certify", "ising-p-spin", "--set", "p=3", "--point", "tricritical"])
