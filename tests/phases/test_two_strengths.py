"""Two strengths of side information: held paths, the critical line, safe orders, and a plain solver beside them."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest

import amp_theory as at
from amp_theory.interface.cli import main

FLOW, REVEAL, UNIFORM, BIRTH = at.Flow(), at.Autoregressive(), at.UniformDiscreteDiffusion(), at.Birth()
ISING, SPARSE = at.IsingPSpin(3), at.SpikedMatrix(at.SparseRademacher(0.08))
UNIT = 0.08**2


def one_sided(t):
    return [[t, 1 - t], [0.0, 1.0]]


ONE_SIDED = at.SideChannel("one-sided", one_sided)


def coded(capsys, *arguments):
    code = main(arguments)
    return code, *capsys.readouterr()


@cache
def order_of(model, path1, path2, control):
    return at.safe_order(model, path1, path2, control)


# --- a plain solver that shares no code ----------------------------------------------------------------------------

Z, W = np.polynomial.hermite_e.hermegauss(181)
W = W / W.sum()


def spin_overlap(y):
    """Return E tanh^2 of a spin seen at snr y."""
    return W @ np.tanh(y + np.sqrt(y) * Z)


def sparse_overlap(y, rho=0.08):
    """Return E[<s> s*] of a sparse spin seen at snr y."""
    field = y + np.sqrt(y) * Z  # given s* = 1
    plus = rho / 2 * np.exp(field - y / 2)
    minus = rho / 2 * np.exp(-field - y / 2)
    return rho * (W @ ((plus - minus) / (plus + minus + 1 - rho)))


def overlaps_along(overlap, rho, coupling, strengths, start=0.0):
    """Return the overlaps that iterating q = theta rho + (1 - theta) M(xi'(q) + snr) reaches along (snr, theta)."""
    q, found = start, []
    for snr, theta in strengths:
        for _ in range(200_000):
            new = theta * rho + (1 - theta) * overlap(coupling(q) + snr)
            done = abs(new - q) < 1e-11 * rho
            q = new
            if done:
                break
        found.append(q)
    return np.array(found)


def route(first, second, corner, ends, steps):
    """Return strengths that raise one to a corner, then the other to its end; (snr, theta) by names."""
    one = [(a, 0.0) for a in np.linspace(0, corner, 11)]
    two = [(corner, b) for b in np.linspace(*ends, steps)]
    pairs = one + two
    return pairs if (first, second) == ("snr", "revealed") else [(b, a) for a, b in pairs]


@pytest.mark.slow
def test_a_plain_solver_jumps_on_the_unsafe_path_only():
    """Along the safe path steps of the overlap shrink with the steps of the strength, along the other one does not."""
    control, overlap, rho = 0.7455, spin_overlap, 1.0

    def coupling(q):
        return 1.5 * q * q / control**2

    found = order_of(ISING, FLOW, REVEAL, control)
    beyond = found.raise_to + 0.03
    low = found.surface(5).informed_spinodal[0]
    largest = {}
    for name, corner in (("safe", beyond), ("alone", 0.0)):
        # around where the other strength meets the surface, or would
        centre = found.critical.revealed if name == "safe" else low
        for steps in (61, 241):
            pairs = route("snr", "revealed", corner, (max(centre - 0.03, 0), centre + 0.03), steps)
            largest[name, steps] = np.diff(overlaps_along(overlap, rho, coupling, pairs)[11:]).max()
    assert largest["safe", 241] < 0.4 * largest["safe", 61]
    assert largest["alone", 241] > 0.5 * largest["alone", 61]
    assert largest["alone", 241] > 0.05 > 2 * largest["safe", 241]


@pytest.mark.slow
def test_a_plain_solver_finds_the_sparse_matrix_safe_after_revealing():
    control = 1.075 * UNIT

    def coupling(q):
        return q / control

    largest = {}
    for name, revealed, centre in (("safe", 0.009, 0.02), ("alone", 0.0, 0.1046)):
        for steps in (21, 81):
            pairs = route("revealed", "snr", revealed, (max(centre - 0.02, 0.0), centre + 0.02), steps)
            largest[name, steps] = np.diff(overlaps_along(sparse_overlap, 0.08, coupling, pairs, 1e-9)[11:]).max()
    assert largest["safe", 81] < 0.4 * largest["safe", 21]
    assert largest["alone", 81] > 0.6 * largest["alone", 21]


# --- values --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("snr", "temperature"), [(0, 0.7587419949), (0.04, 0.7538271521), (0.08, 0.7493858557)], ids=str
)
def test_critical_temperatures_at_a_held_snr(snr, temperature):
    point = at.thresholds(ISING, at.Mixed(FLOW, REVEAL).held(snr=snr)).tricritical
    assert abs(point.temperature - temperature) < 0.6e-10 + point.error


def test_critical_line_joins_both_tricritical_points():
    line = at.critical_line(ISING, FLOW, REVEAL, points=5)
    ends = [at.thresholds(ISING, path).tricritical for path in (REVEAL, FLOW)]
    first, last = line.points[0], line.points[-1]
    assert (first.temperature, first.revealed, first.snr) == (ends[0].temperature, ends[0].revealed, 0)
    assert (last.temperature, last.snr, last.revealed) == (ends[1].temperature, ends[1].snr, 0)
    assert abs(last.temperature - 0.7409962400) < 0.6e-10
    assert abs(first.revealed - 0.1353162609) < 0.6e-10
    assert line.monotone


def test_critical_points_solve_their_equations():
    """Of a flow and a part revealed, with R = M'/(rho - M): the conditions of the marginal line and its extremum."""
    for point in at.critical_line(ISING, FLOW, REVEAL, points=4):
        q, x = point.overlap, 1.5 * point.overlap**2 / point.temperature**2
        y = x + point.snr
        m = at.Rademacher().channel(y)
        assert abs(q - point.revealed - (1 - point.revealed) * float(m.overlap)) < 1e-10
        second, third = 3 * q / point.temperature**2, 3 / point.temperature**2
        rate, change = float(m.overlap_slope / m.mmse), 0.0
        assert abs(second * (1 - q) * rate - 1) < 1e-10
        change = float(m.overlap_curvature / m.overlap_slope + m.overlap_slope / m.mmse)
        assert abs(third / second - 1 / (1 - q) + second * change) < 1e-7


def test_critical_line_of_a_matrix_is_straight():
    """Where xi' is linear, y = q/Delta + snr is linear in M(y): Delta = (1 - theta) Delta_flow at one y."""
    line = at.critical_line(SPARSE, REVEAL, FLOW, points=4)
    start = line.points[0]
    for point in line:
        noise = (1 - point.revealed) * start.noise
        assert abs(point.noise - noise) <= point.errors["noise"] + start.errors["noise"]
        snr = start.snr - point.revealed * 0.08 / noise
        assert abs(point.snr - snr) < 20 * (point.errors["snr"] + start.errors["snr"]) + 1e-10


def test_safe_order_of_the_spin_glass():
    found = order_of(ISING, FLOW, REVEAL, 0.75)
    assert found.order == ("flow", "autoregressive")
    assert abs(found.raise_to - 0.0742357597) < 0.6e-10
    assert found.critical.snr == found.raise_to
    assert abs(found.critical.revealed - 0.0761672066) < 0.6e-10
    assert found.certainty == "exact within replica symmetry"


@pytest.mark.parametrize("control", [0.7587, 0.741])
def test_orders_next_to_the_ends_of_the_line(control):
    """There the end of the surface is next to an axis, and its folds are close to each other."""
    found = order_of(ISING, FLOW, REVEAL, control)
    assert found.order == ("flow", "autoregressive")
    near = at.thresholds(ISING, REVEAL if control > 0.75 else FLOW).tricritical
    assert abs(found.raise_to - (near.strength if near.strength_name == "snr" else 0)) < 4e-4
    assert abs(found.critical.revealed - (near.strength if near.strength_name == "revealed" else 0)) < 4e-4


def test_the_order_of_arguments_does_not_matter():
    one, two = order_of(ISING, FLOW, REVEAL, 0.75), order_of(ISING, REVEAL, FLOW, 0.75)
    assert one.order == two.order
    assert one.raise_to == two.raise_to


def test_safe_order_of_the_sparse_matrix():
    found = order_of(SPARSE, FLOW, REVEAL, 1.075 * UNIT)
    assert found.order == ("autoregressive", "flow")
    assert abs(found.raise_to - 0.0047507511) < 0.6e-10
    assert abs(found.critical.snr - 0.0604381468) < 0.6e-10


def test_errors_hold_against_the_line():
    """The point at a control lies on the line at its level, within the errors of both."""
    found = order_of(ISING, FLOW, REVEAL, 0.75).critical
    there = at.thresholds(ISING, at.Mixed(FLOW, REVEAL).held(snr=found.snr)).tricritical
    assert abs(there.temperature - 0.75) < 0.2 * found.errors["snr"] + there.error
    assert abs(there.revealed - found.revealed) <= found.errors["revealed"] + there.errors["revealed"]
    other = at.thresholds(ISING, at.Mixed(FLOW, REVEAL).held(revealed=found.revealed)).tricritical
    assert abs(other.snr - found.snr) <= found.errors["snr"] + 3 * found.errors["revealed"]


@pytest.mark.parametrize(
    ("control", "says"),
    [
        (0.77, "either path alone"),
        pytest.param(0.72, "bars every path", marks=pytest.mark.slow),
        (0.67, "before anything is told"),
    ],
)
def test_where_no_order_is_needed_or_none_works(control, says):
    found = order_of(ISING, FLOW, REVEAL, control)
    assert found.order is None
    assert found.critical is None
    assert says in found.reasons["order"]
    assert found.surface() is None
    assert ("searched" in found.certainty) == (control == 0.72)
    with pytest.raises(at.InputError, match="no end"):
        found.plot()


@pytest.mark.slow
def test_mixtures_may_be_worse_than_either_path():
    """Where the critical line turns round, both paths work alone, and together they meet a transition."""
    model = at.SpikedTensor(4, at.SparseRademacher(0.15))
    line = at.critical_line(model, FLOW, REVEAL, points=9)
    noise = line["noise"]
    assert not line.monotone
    assert np.argmax(noise) == 6
    control = 0.5 * (noise[6] + noise[-1])
    found = at.safe_order(model, FLOW, REVEAL, control)
    assert found.order is None
    assert "raise one strength only" in found.reasons["order"]
    both = at.Mixed(FLOW, REVEAL).held(snr=line["snr"][6])
    assert len(at.path_transitions(model, both, control).first_order) == 1
    for path in (FLOW, REVEAL):
        assert len(at.path_transitions(model, path, control).first_order) == 0


def test_transitions_just_before_and_beyond_the_end():
    """The geometry along the second path tells the same on both sides of the end of the surface."""
    found = order_of(ISING, FLOW, REVEAL, 0.75)
    both = at.Mixed(FLOW, REVEAL)
    before, beyond = (at.path_transitions(ISING, both.held(snr=x * found.raise_to), 0.75) for x in (0.97, 1.03))
    assert len(before.first_order) == 1
    assert len(beyond.first_order) == 0
    # in the other order less than the critical part may be revealed
    less, more = (
        at.path_transitions(ISING, both.held(revealed=x * found.critical.revealed), 0.75) for x in (0.97, 1.03)
    )
    assert len(less.first_order) == 0
    assert len(more.first_order) == 1


def test_surface_falls_to_its_end():
    found = order_of(ISING, FLOW, REVEAL, 0.75)
    surface = found.surface(6)
    alone = at.path_transitions(ISING, REVEAL, 0.75)
    for name in ("informed_spinodal", "first_order", "uninformed_spinodal"):
        row = getattr(surface, name)
        assert np.all(np.diff(row) < 0)
        assert abs(row[0] - alone[name][0].revealed) < 1e-12
        assert row[-1] == found.critical.revealed
    assert np.all(surface.informed_spinodal[:-1] < surface.first_order[:-1])
    assert np.all(surface.first_order[:-1] < surface.uninformed_spinodal[:-1])


TWO_LINES = at.MixedPSpin("q**3/2 + 0.104*q**20")


@pytest.mark.parametrize(
    ("control", "raise_to", "most"),
    [(0.7515883817, 0.102385, 0.087856), pytest.param(0.7458636138, 0.550012, 0.043352, marks=pytest.mark.slow)],
)
def test_a_surface_of_two_lines(control, raise_to, most):
    """The first path must pass the last end; in the other order the least strength at any end counts."""
    found = order_of(TWO_LINES, FLOW, REVEAL, control)
    both = at.Mixed(FLOW, REVEAL)
    assert found.order == ("flow", "autoregressive")
    assert abs(found.raise_to - raise_to) < 1e-6
    told = float(found.reasons["other_order"].split("revealed = ")[1].split()[0])
    assert abs(told - most) < 1e-6
    for held, met in (
        ({"snr": raise_to * 0.98}, 1),
        ({"snr": raise_to * 1.02}, 0),
        ({"revealed": most * 0.98}, 0),
        ({"revealed": most * 1.02}, 1),
    ):
        assert len(at.path_transitions(TWO_LINES, both.held(**held), control).first_order) == met
    surface, alone = found.surface(7), at.path_transitions(TWO_LINES, REVEAL, control)
    assert surface.line.tolist() == [0] * 7 + [1] * 7
    starts = sorted(surface.first_order[[0, 7]])
    assert np.allclose(starts, [point.revealed for point in alone.first_order], atol=1e-12)
    for k in range(2):
        rows = [
            getattr(surface, name)[surface.line == k]
            for name in ("informed_spinodal", "first_order", "uninformed_spinodal")
        ]
        assert np.all(np.diff(rows, axis=1) < 0)
        assert np.all(np.diff(np.array(rows)[:, :-1], axis=0) > 0)


def test_picture_of_a_surface_of_two_lines():
    from matplotlib.figure import Figure

    axes = order_of(TWO_LINES, FLOW, REVEAL, 0.7515883817).plot(Figure().add_subplot(), points=4)
    starts = sorted(line.get_ydata()[0] for line in axes.get_lines() if line.get_label() == "first-order line")
    assert np.allclose(starts, [0.129224, 0.355477], atol=1e-5)
    assert len([area for area in axes.collections if area.get_label() == "hard"]) == 2


def test_the_end_that_counts_is_the_last_one():
    """Just below the upper tricritical temperature of two, its line ends before the other."""
    model = at.MixedPSpin("q**3/2 + 0.077*q**30")
    found = order_of(model, FLOW, REVEAL, 0.7574132593225125)
    assert abs(found.raise_to - 0.010398594) < 1e-8
    assert abs(found.critical.revealed - 0.127109575) < 1e-8


@pytest.mark.parametrize(
    ("away", "order"), [(1e-8, ("flow", "autoregressive")), (1e-6, ("flow", "autoregressive")), (-1e-8, None)]
)
def test_orders_next_to_a_tricritical_point(away, order):
    """The surface ends next to the axis, as far from it as the line's slope says."""
    point = at.thresholds(ISING, FLOW).tricritical
    found = order_of(ISING, FLOW, REVEAL, point.control + away)
    assert found.order == order
    if order:
        assert abs(found.raise_to - point.snr) < 12 * away
        assert abs(found.critical.revealed / away - 9.5033) < 0.01


@pytest.mark.slow
def test_orders_with_an_own_channel():
    """The line of ends joins both tricritical points: between them the better path goes first."""
    found = order_of(ISING, FLOW, ONE_SIDED, 0.75)
    assert found.order == ("flow", "one-sided")
    both, held = at.Mixed(FLOW, ONE_SIDED), found.raise_to
    there = at.thresholds(ISING, both.held(snr=held)).tricritical
    assert abs(there.temperature - 0.75) < 1e-10
    assert abs(there.told - found.critical.told) < 1e-9
    assert order_of(ISING, FLOW, ONE_SIDED, 0.74).order is None
    assert "either path alone" in order_of(ISING, FLOW, ONE_SIDED, 0.76).reasons["order"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "path1", "path2", "control", "order"),
    [
        (ISING, UNIFORM, FLOW, 0.74, ("uniform-diffusion", "flow")),
        (SPARSE, FLOW, BIRTH, 1.075 * UNIT, ("birth", "flow")),
        (at.SphericalPSpin(3), FLOW, REVEAL, 0.675, ("flow", "autoregressive")),
        (at.IsingPSpin(5), FLOW, REVEAL, 0.85, ("flow", "autoregressive")),
    ],
)
def test_other_pairs_and_models(model, path1, path2, control, order):
    """The better path goes first, and the end lies on the critical line, seen from the other strength, too."""
    found = order_of(model, path1, path2, control)
    assert found.order == order
    both = at.Mixed(path1, path2)
    held = {p.strength: p for p in both.paths}
    for name, path in held.items():
        other = next(n for n in held if n != name)
        special = at.thresholds(model, both.held(**{name: found.critical[name]})).tricritical
        assert abs(special.control / control - 1) < 1e-8, path.name
        assert abs(special.strength - found.critical[other]) < 1e-7


@pytest.mark.parametrize("theta", [0.05, 0.2])
def test_held_paths_are_paths(theta):
    """G and Psi of a held path: dPsi/dx = G/2, derivatives by differences, the same in both orders of holding."""
    prior, x, h = at.Rademacher(), np.array([0.2, 1.5]), 1e-5
    pairs = [(at.Mixed(FLOW, REVEAL), 0.3), (at.Mixed(UNIFORM, REVEAL), 0.3), (at.Mixed(UNIFORM, FLOW), 0.3)]
    for both, level in pairs:
        one, two = both.paths
        path = both.held(**{two.strength: theta})
        mirror = both.held(**{one.strength: level})
        s, t = (p.internal(np.full(2, v)) for p, v in ((one, level), (two, theta)))
        values = path.response(prior, path.coordinate(x, s), s)
        same = mirror.response(prior, mirror.coordinate(x, t), t)
        for name in ("overlap", "gap", "overlap_z", "overlap_zz"):
            assert np.allclose(getattr(values, name), getattr(same, name), rtol=1e-12, atol=1e-15)
        up, down = (path.response(prior, path.coordinate(x + d, s), s) for d in (h, -h))
        assert np.allclose((up.free_entropy - down.free_entropy) / (2 * h), values.overlap / 2, rtol=1e-8)
        z = path.coordinate(x, s)
        up, down = (path.response(prior, z, s + d) for d in (h, -h))
        for name, slope in (("overlap", "overlap_s"), ("overlap_z", "overlap_zs"), ("signal", "signal_s")):
            found = (getattr(up, name) - getattr(down, name)) / (2 * h)
            assert np.allclose(found, getattr(values, slope), rtol=1e-6, atol=1e-9)
        assert np.allclose(values.deficit, prior.second_moment * x / 2 - values.free_entropy, atol=1e-12)
        known = path.information(prior, 0.3), mirror.information(prior, theta)
        assert abs(float(path.information(prior, level)) - float(mirror.information(prior, theta))) < 1e-12, known


@pytest.mark.slow
def test_mixtures_never_beat_the_best_path():
    """The bound on all product paths holds for two at once; holding nothing gives back the path itself."""
    best = at.best_path(ISING).best
    for level in (0.1, 0.3):
        for both, name in ((at.Mixed(FLOW, UNIFORM), "retention"), (at.Mixed(REVEAL, UNIFORM), "revealed")):
            point = at.thresholds(ISING, both.held(**{name: level})).tricritical
            if point is not None:
                assert point.temperature > best.temperature - 1e-12
    plain = at.thresholds(ISING, at.Mixed(FLOW, UNIFORM).held(snr=0.0)).tricritical
    assert plain.temperature == at.thresholds(ISING, UNIFORM).tricritical.temperature


# --- refusals ------------------------------------------------------------------------------------------------------


def test_one_strength_is_not_enough():
    both = at.Mixed(FLOW, REVEAL)
    calls = [
        lambda: at.thresholds(ISING, both),
        lambda: at.fixed_points(ISING, both, control=0.75, strength=0.1),
        lambda: at.phase_diagram(ISING, both),
        lambda: at.path_transitions(ISING, both, 0.75),
        lambda: at.state_evolution(ISING, both, 0.75, 0.1),
    ]
    for call in calls:
        with pytest.raises(at.InputError, match="needs two strengths, snr and revealed"):
            call()
    with pytest.raises(at.InputError, match=r"two strengths, \(snr, revealed\), got 0.1"):
        both.observe(np.ones((1, 4)), 0.1, np.random.default_rng(0))


REFUSED = [
    (lambda: at.Mixed(FLOW, at.Flow()), "different strengths"),
    (lambda: at.Mixed(FLOW, "birth"), "path must be a path"),
    (lambda: at.Mixed(FLOW, at.Mixed(FLOW, REVEAL)), "two paths of one strength each"),
    (lambda: at.Mixed(at.Mixed(FLOW, REVEAL).held(revealed=0.1), UNIFORM), r"each, got Mixed\(.*held\(revealed=0.1"),
    (lambda: at.Mixed(FLOW, at.SideChannel("flow", one_sided)), "different names, got two called 'flow'"),
    (lambda: at.safe_order(ISING, ONE_SIDED, at.SideChannel("one-sided", one_sided, strength="u"), 0.75), "names"),
    (lambda: at.Mixed(FLOW, at.Autoregressive(order="most-confident")), "order of revealing"),
    (lambda: at.Mixed(FLOW, REVEAL).held(), "must be held"),
    (lambda: at.Mixed(FLOW, REVEAL).held(born=0.1), "born"),
    (lambda: at.Mixed(FLOW, REVEAL).held(revealed=1.0), "revealed must be"),
    (lambda: at.safe_order(ISING, FLOW, BIRTH, 0.75), "no value of Rademacher"),
    (lambda: at.safe_order(at.XORSAT(3), FLOW, REVEAL, 0.8), "dense models"),
    (lambda: at.safe_order(ISING, FLOW, REVEAL), "control must be given"),
    (lambda: at.thresholds(at.GLM(at.Gaussian(), at.AbsChannel()), at.Mixed(FLOW, REVEAL).held(snr=0.1)), "noiseless"),
    (lambda: at.safe_order(ISING, FLOW, REVEAL, -1.0), "temperature"),
    (lambda: at.critical_line(ISING, FLOW, REVEAL, points=1), "points"),
]


@pytest.mark.parametrize(("call", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_refusals(call, says):
    with pytest.raises(at.InputError, match=says):
        call()


# --- reports, pictures, command line -------------------------------------------------------------------------------


def test_command(capsys):
    code, out, err = coded(
        capsys, "safe-order", "ising-p-spin", "--set", "p=3", "--paths", "flow,autoregressive", "--control", "0.75",
        "--json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["order"] == ["flow", "autoregressive"]
    assert found["critical"]["snr"] == order_of(ISING, FLOW, REVEAL, 0.75).raise_to
    assert set(found["critical"]["error"]) == {"temperature", "snr", "revealed", "overlap"}
    code, _, err = coded(capsys, "safe-order", "ising-p-spin", "--set", "p=3", "--paths", "flow", "--control", "0.75")
    assert code == 2
    assert "two paths" in err
    code, _, err = coded(
        capsys, "safe-order", "ising-p-spin", "--set", "p=3", "--paths", "flow,birth", "--control", "0.75"
    )
    assert code == 2
    assert "no value" in err


def test_command_of_the_critical_line(capsys, tmp_path):
    file, line = tmp_path / "line.csv", at.critical_line(ISING, FLOW, REVEAL, points=3)
    given = ("critical-line", "ising-p-spin", "--set", "p=3", "--paths", "flow,autoregressive", "--points")
    code, out, err = coded(capsys, *given, "3", "-o", str(file), "--json")
    assert (code, err, json.loads(out)["temperature"]) == (0, "", line["temperature"].tolist())
    assert len(file.read_text().splitlines()) == 1 + len(line)
    code, _, err = coded(capsys, *given, "1")
    assert code == 2
    assert "--points" in err


def test_tables(tmp_path):
    line = at.critical_line(ISING, FLOW, REVEAL, points=3)
    line.to_csv(tmp_path / "line.csv")
    rows = (tmp_path / "line.csv").read_text().splitlines()
    assert len(rows) == 1 + len(line)
    assert {"temperature", "snr", "revealed", "overlap"} <= set(rows[0].split(","))
    assert line.to_dict()["revealed"] == [p.revealed for p in line]
    assert "revealed" in order_of(ISING, FLOW, REVEAL, 0.75).to_html()


def test_picture_shows_the_surface_and_a_path_around_it():
    from matplotlib.figure import Figure

    found = order_of(ISING, FLOW, REVEAL, 0.75)
    axes = found.plot(Figure().add_subplot(), points=5, style="dark", title="around")
    lines = {line.get_label(): line for line in axes.get_lines()}
    path = np.array(lines["safe path"].get_xydata())
    assert path[0].tolist() == [0, 0]
    assert np.all(path[1:, 0] > found.raise_to)
    assert path[-1, 1] > np.max(lines["uninformed spinodal"].get_ydata())
    assert lines["critical point"].get_xydata().tolist() == [[found.critical.snr, found.critical.revealed]]
    assert (axes.get_xlabel()[:3], axes.get_ylabel()[:8], axes.get_title()) == ("snr", "revealed", "around")
    (inset,) = axes.child_axes
    assert inset.get_xlabel() == "from the first-order line"
