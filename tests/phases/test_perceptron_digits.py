"""Thresholds of random perceptrons within their bounds of a solve in mpmath that shares no code with the package.

The values are what `tests/oracles/perceptron_digits.py` returns next to rounded ones, with 34 digits at work and 25 kept.
At kappa = -2.5 the revealed cusp and the condensation stay when its sums over fields have steps 0.85 times as long; the
others were not made again with shorter steps.  `test_the_table_is_the_oracles` makes one of them again.
"""

from decimal import Decimal

import pytest

import amp_theory as at

PATHS = {"flow": at.Flow(), "revealed": at.Autoregressive()}
#: weights, potential and its parameters: alpha, 1 - q and strength of every point; those without a path are of both
TABLE = {
    ("sphere", "Margin", -2.5, 0): {
        "stability": ("328.7089815064020271953713", "0.7890175394481012054022767"),
        "dynamical": ("280.8077139756062176032975", "0.3162231436657258383680409"),
        "condensation": ("287.1151986500762745578206", "0.2118138368580856384279028"),
        "flow": ("269.7359558294791932018866", "0.4519172742106664981025949", "0.06984332673309644046283291"),
        "revealed": ("253.4862959979576554682063", "0.4515838003269875748192600", "0.06180863875545057402246474"),
    },
    ("sphere", "Margin", -3, 0): {
        "stability": ("3087.005763890142153622562",),
        "dynamical": ("1449.608099683969067488431", "0.1739470966322065079757419"),
        "condensation": ("1586.354128578851032247631", "0.07691595148733108979013414"),
        "flow": ("1312.807569584207237877156", "0.3205813266991110004336228", "0.3442110770234319031170967"),
        "revealed": ("977.0693220627897662812040", "0.3205675752750731460376575", "0.2558772302948479255216156"),
    },
    ("sphere", "Margin", -2.06, 0): {  # next to the tricritical margin
        "stability": ("73.54643562843619260488225",),
        "dynamical": ("73.53274425208129173250970", "0.6634911095584576763429825"),
        "condensation": ("73.53428011426195685008597", "0.6552159478886712957947818"),
        "flow": ("73.52820841893974623613291", "0.6718413138045024302959793", "0.000003779066518600480901745144"),
        "revealed": ("73.52805443357787613500382", "0.6718410812849908909023614", "0.000002603476271908017664234651"),
    },
    ("sphere", "Margin", -6, 0): {
        "dynamical": ("2317352665.271456734817624", "0.03400525466160392716985127"),
        "condensation": ("3306544587.771717132340177", "0.005738125962336334635220051"),
        "flow": ("1944703015.329067613342421", "0.08424142687838233384224957", "3.287206305004311810238856"),
        "revealed": ("453606119.4580458510008089", "0.08424142687838232462028762", "0.7667478705578655187577887"),
    },
    ("sphere", "Margin", -3.5, 0.05): {
        "stability": ("6979.562846202311451540837", "0.4283278052806635351288617"),
        "dynamical": ("6869.864854399295928570564", "0.2935082655440869845091430"),
        "condensation": ("6883.501899366575944888594", "0.2565893389320673612092953"),
        "flow": ("6836.467362508176076925080", "0.3341562550639953704238811", "0.005428620797853076370390960"),
        "revealed": ("6822.126493602254362515896", "0.3340921617209222829314725", "0.002384924771870455034098780"),
    },
    ("sphere", "Margin", -1, 0): {"stability": ("7.873560240525108793377739",)},
    ("binary", "Margin", 0, 0): {
        "stability": ("1.014653610093998511836903",), "condensation": ("0.8330785997395792336890869",),
    },
    ("binary", "Margin", 0.5, 0): {
        "stability": ("0.5345007679707765089246516",), "condensation": ("0.4556645645424366367569890",),
    },
    ("binary", "Margin", 2, 0): {
        "stability": ("0.1247825035287675735820918", "0.07713679665592501689755927"),
        "condensation": ("0.1164887242998925499224680",),
    },
    ("binary", "Margin", -3, 0): {
        "stability": ("3031.440936598450771070658", "0.8642738082369348355591520"),
        "condensation": ("513.1139626579268992912929",),
    },
    ("binary", "Margin", 0, 0.5): {
        "stability": ("0.9036276363380589430332775",), "condensation": ("0.7999808266560147286527336",),
    },
    ("binary", "Margin", 0, 1): {
        "stability": ("0.8267434869604199187148626",),
        "flow": ("0.6225017111602250922618125", "2.715376098250756313935129e-6", "2.788856097925213549259877"),
        "revealed": ("0.6215211913426915894282175", "0.000005935975719883659257735611", "0.7775509664992221486470530"),
    },
    ("binary", "Margin", 0, 1.5): {
        "stability": ("0.7692363507680595780953975",),
        "dynamical": ("0.6838927145335855285655762", "0.001362432503202557940997305"),
        "condensation": ("0.7162016753145691691391403", "6.039931908287506755130002e-6"),
        "flow": ("0.6662841932714705059545545", "0.009042617229231143205279822", "0.6959690874125029680470190"),
        "revealed": ("0.6646516632387647999070831", "0.009649302192047892010606787", "0.3365066378670563721804010"),
    },
    ("binary", "Margin", -0.5, 2): {
        "stability": ("1.278480572969208697925765",),
        "dynamical": ("1.231648961259916770767600", "0.01509154207261809038570955"),
        "condensation": ("1.243592756087180818839725", "0.003833934200325598136125969"),
        "flow": ("1.217878252313148585899678", "0.03558169846191738783785732", "0.1150202297368616576554126"),
        "revealed": ("1.216579714899283974352842", "0.03641236152894275181472433", "0.06872933949544775649404715"),
    },
    ("binary", "Logistic", -1, 3): {"stability": ("12.38883499606247175001941", "0.3601594710026066418452826")},
}  # fmt: skip
#: alpha, kappa and q0
TRICRITICAL = ("70.00844168373348849995116", "-2.043123269624800831479709", "0.3160330137869162572866004")
#: models that are looked at along one path, of the two in the table, for the time that it takes
ONE = {("sphere", "Margin", -2.5, 0): "flow", ("binary", "Margin", 0, 1.5): "revealed",
       ("sphere", "Margin", -3, 0): "flow", ("sphere", "Margin", -2.06, 0): "flow",
       ("sphere", "Margin", -6, 0): "revealed", ("sphere", "Margin", -3.5, 0.05): "revealed",
       ("binary", "Margin", 0, 1): "revealed", ("binary", "Margin", -0.5, 2): "flow"}  # fmt: skip
#: one of every kind, solved in no time
QUICK = [("sphere", "Margin", -1, 0), ("binary", "Margin", 0, 0)]


def cases():
    """Return all models along both paths; those without cusps along one: their points are the same."""
    found = []
    for key, points in TABLE.items():
        mark = () if key in QUICK else pytest.mark.slow
        for path in [ONE[key]] if key in ONE else PATHS if key in QUICK or "flow" in points else ["flow"]:
            found.append(pytest.param(key, path, marks=mark, id="-".join(map(str, (*key, path)))))
    return found


def off(value, exact, bound):
    """Return how far a value is from an exact one, in units of its bound."""
    return float(abs(Decimal(value) - Decimal(exact)) / Decimal(bound))


def compared(point, exact):
    """Return the same of alpha, and of 1 - q and the strength where they are known."""
    found = [off(point.control, exact[0], point.error)]
    if len(exact) > 1:
        found.append(off(point.overlap, 1 - Decimal(exact[1]), point.errors["overlap"]))
    if len(exact) > 2:
        found.append(off(point.strength, exact[2], point.errors[point.strength_name]))
    return found


@pytest.mark.parametrize(("key", "path"), cases())
@pytest.mark.every(2)
def test_thresholds_are_within_their_bounds(key, path):
    weights, potential, *parameters = key
    prior = at.Gaussian() if weights == "sphere" else at.Rademacher()
    found = at.thresholds(at.RandomPerceptron(prior, getattr(at, potential)(*parameters)), PATHS[path])
    exact = TABLE[key]
    for name in ("stability", "dynamical", "condensation"):
        if name in exact:
            assert max(compared(getattr(found, name), exact[name])) < 1, name
            # a bound that holds all is none
            assert getattr(found, name).error < 2e-8 * float(exact[name][0]), name
    if path in exact:
        assert max(compared(found.tricritical, exact[path])) < 1
        assert max(compared(found.first_failure, exact[path])) < 1
        assert found.tricritical.error < 2e-11 * float(exact[path][0])
    elif found.first_failure is not None:
        assert found.first_failure.control == found.stability.control


def test_what_is_off_is_seen():
    point = at.thresholds(at.RandomPerceptron(potential=at.Margin(-1)), at.Flow()).stability
    assert compared(point, ("7.873560240535108793377739",))[0] > 1


def test_the_tricritical_margin_is_within_its_bounds():
    """It was off by 0.95 of them: dR/dz stood for the base at z = 1e-12, where it is off by half of z."""
    found = at.tricritical_margin(at.RandomPerceptron())
    for value, exact, name in zip(
        (found.control, found.kappa, found.overlap), TRICRITICAL, ("sampling_ratio", "kappa", "overlap"), strict=True
    ):  # fmt: skip
        assert off(value, exact, found.errors[name]) < 0.1


@pytest.mark.slow
def test_the_table_is_the_oracles():
    """Its longest row."""
    pytest.importorskip("mpmath")
    from tests.oracles import perceptron_digits as oracle

    exact = TABLE["sphere", "Margin", -2.5, 0]["revealed"]
    made = oracle.Perceptron(oracle.Sphere(), oracle.Margin("-2.5"))
    found = made.cusp("revealed", *(f"{float(x):.5g}" for x in exact[:2]))
    for value, digits in zip(found, exact, strict=True):
        assert abs(value / oracle.mp.mpf(digits) - 1) < 2e-24


def test_the_oracles_averages_are_normalised_martingales():
    pytest.importorskip("mpmath")
    from tests.oracles import perceptron_digits as oracle

    mp = oracle.mp
    made, q0, gap, h = (
        oracle.Perceptron(oracle.Sphere(), oracle.Margin("0.5")),
        mp.mpf("0.3"),
        mp.mpf("0.4"),
        mp.mpf(10) ** -9,
    )
    below, here, above = (made.inner(q0, 1 - q0, gap + k * h) for k in (1, 0, -1))
    assert abs(here.weight - 1) < 1e-28
    assert abs((above.log_h - below.log_h) / h - here.square) < 1e-16
    assert abs((above.square - below.square) / (2 * h) - here.slope) < 1e-15
    assert abs((above.slope - below.slope) / (2 * h) - here.bend) < 1e-14
