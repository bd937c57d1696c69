"""Every command of the command line: its name, what runs it, what it does, an example, and its options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amp_theory.interface import accuracy, commands, completion, dynamics, families, judging, listing, own_data, paths

#: names of an option as they are typed, and what argparse wants to know of it
Option = tuple[str, dict[str, Any]]


def _option(names: str, metavar: str, text: str, **more: Any) -> Option:
    return names, {"metavar": metavar, "help": text, **more}


def _flag(name: str, text: str) -> Option:
    return name, {"action": "store_true", "help": text}


def _output(also: str, endings: str = ".pdf, .png or .svg") -> tuple[Option, Option]:
    text = f"file to write: {endings}{', ' + also if also else ''}; may be repeated"
    return _option("-o --output", "FILE", text, action="append", default=[]), FORCE


FORCE = _flag("--force", "overwrite existing files")
MODEL = (
    _option("model", "MODEL", "model name, see 'amp-theory models'"),
    _option("--set", "NAME=VALUE", "a parameter; lists as a,b,c", action="append", default=[]),
)
ON_PATH = (
    *MODEL,
    _option("--path", "PATH", "flow, autoregressive, uniform-diffusion or birth", default="flow"),
    _option("--order", "NAME", "which variables the autoregressive path reveals first: random, highest-degree, ..."),
    _option("--side", "NAME", "of models with variables of two kinds, which are told: u, v or both"),
)
TWO_PATHS = _option("--paths", "A,B", "two paths, separated by a comma", required=True)
CONTROL = _option("--control", "C", "the model's control: temperature, noise, ...", required=True)
DIGITS = _option("--digits", "N", "significant digits, 1 to 50, as decimal strings")
TARGET = _option("--target", "T", "whose verdicts: planted or random")
SCHEDULE = _option("--schedule", "NAME", "schedule of the path, for --axis time")
AXIS, ALONG = (
    _option("--axis", "A", f"{which} axis: strength, time or information", default="strength")
    for which in ("vertical", "horizontal")
)
LOOK = (
    _option("--style", "NAME", "of pictures: light, dark, or print (as wide as a column of a journal)"),
    _flag("--annotate", "write names beside lines and points, where there is room"),
    _option("--title", "TEXT", "a title for pictures; formulas as $...$"),
)
SCALING = _option("--scaling", "NAME", "scaling of the control on the horizontal axis")
DATA = (
    _option("--data", "[NAME=]FILE", "a matrix, factors or measurements: .npy, .npz, .csv, .txt, .alist, .mtx or a "
            "saved instance; may be repeated", action="append", required=True),
    _option("--control", "C", "the model's control; noise is estimated without it, densities and ratios are counted"),
    _flag("--any-scale", "take data whose scale is not the model's"),
)  # fmt: skip
WORKERS = _option("--workers", "N", "processes (1)", default="1")
RESUMED = _option("--checkpoint", "FILE", "what is done is saved here, and resumed from here")
SIZES = _flag("--sizes", "mark in pictures from which size on the sampler's failure is seen")
GLASSY = _flag("--glassy", "shade in pictures where glassy states begin to trap Monte Carlo (heuristic)")

#: quantities that an option gives under another name
QUANTITIES = {
    "--control": {"temperature", "noise", "density", "sampling_ratio"},
    "--strength": {"snr", "revealed", "retention", "born"},
}
#: how long the example of a command takes, where that is more than twenty seconds
SECONDS = {"reproduce": 60}
#: what every command takes
COMMON = (
    _flag("--json", "print one JSON object and nothing else"),
    ("-v --verbose", {"action": "count", "default": 0, "help": "log to standard error; -vv for details"}),
    _option("--log", "FILE", "append the log to a file, .log or .txt"),
)

#: every command: its name, what runs it, what it does, an example, its options
COMMANDS: tuple[tuple[str, Callable[..., Any], str, str, tuple[Option, ...]], ...] = (
    ("models", listing.run_models, "list models, their parameters and controls, priors, paths and schedules",
     "models ising-p-spin",
     (_option("name", "NAME", "tell all about one: a model, prior, channel, path or schedule", nargs="?"),)),
    ("thresholds", commands.run_thresholds, "locate all special points, each with an error bound",
     "thresholds spiked-matrix --set prior=sparse-rademacher --set rho=0.08",
     (*ON_PATH, DIGITS, _option("--checkpoint", "FILE", "of a long random run: saved here, and resumed from here"))),
    ("fixed-points", commands.run_fixed_points, "find every fixed point at one control and strength",
     "fixed-points ising-p-spin --set p=3 --path flow --control 0.70 --strength 0.12",
     (*ON_PATH, CONTROL, _option("--strength", "S", "snr, revealed, retention or born", required=True), DIGITS)),
    ("transitions", commands.run_transitions, "find what the path meets at one control",
     "transitions ising-p-spin --set p=3 --path flow --control 0.70 --digits 30", (*ON_PATH, CONTROL, DIGITS)),
    ("certify", commands.run_certify, "prove a special point by interval arithmetic",
     "certify ising-p-spin --set p=3 --point dynamical -o certificate.json",
     (*ON_PATH, _option("--point", "P", "dynamical, condensation, algorithmic or tricritical", required=True),
      *_output("", ".json"))),
    ("verify", commands.run_verify, "check a certificate by computing its proof anew", "verify certificate.json",
     (_option("file", "FILE", "a certificate"),)),
    ("closed-forms", commands.run_closed_forms, "print the formulas that exist for a model",
     "closed-forms spherical-p-spin --path flow", ON_PATH),
    ("diagram", commands.run_diagram, "compute the phase diagram; draw it, save it",
     "diagram spherical-p-spin --set p=3 --path flow -o diagram.pdf -o diagram.json",
     (*ON_PATH, ("--range", {"nargs": 2, "metavar": ("LO", "HI"), "help": "range of the control"}),
      _option("--points", "N", "points per line (200)", default="200"), TARGET, SCHEDULE, AXIS, SCALING, SIZES, GLASSY,
      *LOOK,
      *_output("also .json, .csv, and .html to explore in a browser"))),
    ("draw", commands.run_draw, "draw a diagram saved as JSON again", "draw diagram.json -o diagram.svg",
     (_option("file", "FILE", "a diagram written by 'amp-theory diagram -o FILE.json'"), AXIS, SCALING, SIZES, GLASSY,
      *LOOK, *_output("also .csv, and .html to explore in a browser"))),
    ("animate", commands.run_animate, "animate the free entropy while the strength grows",
     "animate ising-p-spin --set p=3 --control 0.7 --frames 16 -o film.gif",
     (*ON_PATH, _option("--control", "C", "the model's control (one at which the path crosses a transition)"),
      _option("--frames", "N", "number of frames (80)", default="80"),
      *_output("", ".gif, or .mp4 if ffmpeg is there"))),
    ("free-entropy", commands.run_free_entropy, "draw the free entropy against the overlap",
     "free-entropy ising-p-spin --set p=3 --control 0.7 --strengths 0,0.05,0.1 -o phi.pdf",
     (*ON_PATH, CONTROL, _option("--strengths", "S,S,...", "strengths, separated by commas", required=True),
      *LOOK, *_output(""))),
    ("overlap", commands.run_overlap, "draw the overlap along the path, the unstable branch dashed",
     "overlap ising-p-spin --set p=3 --path flow --control 0.7 -o overlap.pdf -o overlap.csv",
     (*ON_PATH, CONTROL, SCHEDULE, ALONG, *LOOK, *_output("also .csv"))),
    ("compare", commands.run_compare, "tell where each sampler succeeds, why, and how sure that is",
     "compare ising-p-spin --set p=3",
     (*MODEL, TARGET, _option("--control", "C", "at one value of the control, with the size of failures"))),
    ("best-path", paths.run_best_path, "find how far the best denoising path works, and how far any denoiser could",
     "best-path ising-p-spin --set p=3 -o lines.pdf -o lines.csv", (*MODEL, LOOK[0], LOOK[2], *_output("also .csv"))),
    ("threshold-states", dynamics.run_threshold_states,
     "find where glassy states stop trapping Monte Carlo and Langevin dynamics (heuristic)",
     "threshold-states spiked-matrix --set prior=sparse-rademacher --set rho=0.08",
     (*MODEL, _option("--control", "C", "the states at one value of the control, too"), *_output("", ".csv"))),
    ("best-side", paths.run_best_side, "tell which of two kinds of variables to denoise first, and along which path",
     "best-side gaussian-mixture --set k=10 --set aspect=1", (*MODEL, *_output("", ".csv"))),
    ("error", accuracy.run_error, "tell how many nats per variable a denoising sampler is wrong by",
     "error ising-p-spin --set p=3 --path flow --control 0.70",
     (*ON_PATH, CONTROL, _option("--iterations", "L", "of message passing at every call of the denoiser"),
      _option("--steps", "K", "calls of the denoiser"), TARGET, *_output("", ".csv"))),
    ("schedule", accuracy.run_schedule, "find where a number of steps had best be, as strengths and times",
     "schedule ising-p-spin --set p=3 --path autoregressive --control 1 --steps 8",
     (*ON_PATH, CONTROL, _option("--steps", "K", "calls of the denoiser", required=True), SCHEDULE, TARGET,
      *_output("", ".csv"))),
    ("safe-order", paths.run_safe_order, "tell in which order to raise the strengths of two paths",
     "safe-order ising-p-spin --set p=3 --paths flow,autoregressive --control 0.75",
     (*MODEL, TWO_PATHS, CONTROL, *LOOK, *_output("also .csv"))),
    ("critical-line", paths.run_critical_line, "follow where the first-order surface of two paths ends",
     "critical-line ising-p-spin --set p=3 --paths flow,autoregressive --points 5 -o line.csv",
     (*MODEL, TWO_PATHS, _option("--points", "N", "levels of the first strength (17)", default="17"),
      *_output("", ".csv"))),
    ("judge", judging.run_judge, "judge a denoiser on planted instances: nats per variable, and why",
     "judge ising-p-spin --set p=3 --path flow --control 1 --size 10 --instances 2 --denoiser amp",
     (*ON_PATH, CONTROL, _option("--size", "N", "number of variables", required=True),
      _option("--instances", "N", "number of instances (8)", default="8"),
      _option("--seed", "N", "integer >= 0 (0)", default="0"),
      _option("--batch", "N", "side informations per instance and strength (4)", default="4"),
      _option("--denoiser", "D", "amp, exact, or FILE.py:NAME, which runs that file as your own code", default="amp"),
      _option("--end-strength", "S", "where the path ends (with complete information)"),
      _option("--reference", "R", "equations, enumeration (where it can be had) or informed"),
      LOOK[0], LOOK[2], *_output("also .csv"))),
    ("recovery", judging.run_recovery, "tell how far heat bath from random starts recovers what was planted",
     "recovery spiked-matrix --set prior=sparse-rademacher --set rho=0.2 --controls 0.002,0.02 --sizes 50,100 "
     "--instances 3 --sweeps 20",
     (*MODEL, _option("--controls", "LIST", "controls, as a,b,c", required=True),
      _option("--sizes", "LIST", "numbers of variables, as a,b,c", required=True),
      _option("--instances", "N", "instances at every control and size (10)", default="10"),
      _option("--sweeps", "N", "after which a run has failed (1000)", default="1000"),
      _option("--seed", "S", "an integer >= 0 (0)", default="0"),
      WORKERS, RESUMED, LOOK[0], LOOK[2], *_output("also .csv"))),
    ("revealing", paths.run_revealing, "tell whether an order of revealing succeeds at one control",
     "revealing ising-p-spin --set p=3 --order most-confident --control 0.762",
     (*MODEL, _option("--order", "NAME", "random, most-confident, most-uncertain or greedy-floor", required=True),
      CONTROL, LOOK[0], *_output("also .csv"))),
    ("simulate", commands.run_simulate, "run samplers on finite instances and judge them by exact samples",
     "simulate xorsat --set k=4 --set temperature=0.5 --control 0.6 --size 200 --instances 5 --seed 1 --batch 8 "
     "--steps 20 --sweeps 200",
     (*ON_PATH, CONTROL, _option("--size", "N", "number of variables"),
      _option("--instances", "K", "number of instances"),
      _option("--seed", "S", "an integer >= 0: the same seed, the same numbers"),
      _flag("--plan", "run nothing: tell which size, how many instances, and how much time and memory it takes"),
      _option("--samplers", "A,B", "others than the path's and a Markov chain: flow, diffusion, autoregressive, "
              "masked, uniform-diffusion, heat-bath, parallel-tempering, langevin"),
      _option("--batch", "N", "configurations per sampler and instance (16)", default="16"),
      _option("--steps", "N", "steps of denoising samplers (100)", default="100"),
      _option("--sweeps", "N", "of Markov chains (1000)", default="1000"),
      _option("--target", "T", "planted or random instances"),
      _option("--margin", "E", "excess energy per variable that counts as a failure"), WORKERS, RESUMED)),
    ("demonstrate", judging.run_demonstrate, "hold a statement of theory against runs at several sizes",
     "demonstrate orders --sizes 1000,4000 --instances 4",
     (_option("name", "NAME", "xorsat, bicoloring, ising, nats, sparse-matrix, uniform-diffusion, orders or two-paths"),
      _option("--sizes", "LIST", "numbers of variables, as a,b,c (those of the design, which take hours)"),
      _option("--instances", "N", "instances of every case and size (those of the design)"),
      _option("--seed", "S", "an integer >= 0 (1)", default="1"),
      _option("--recorded", "FILE", "a table that was written before, .csv: what is in it is not run again"),
      WORKERS, _flag("--dask", "workers of a Dask cluster on this machine, instead of processes of this program"),
      RESUMED, LOOK[0], LOOK[2], *_output("also .csv"))),
    ("infer", own_data.run_infer, "run AMP, GAMP or belief propagation on your own data: means, variances, fields",
     "infer xorsat --set k=3 --set temperature=0.5 --data code.alist -o means.csv",
     (*MODEL, *DATA, _option("--damping", "D", "part of the old means that is kept, in [0, 1) (0)", default="0"),
      _option("--algorithm", "A", "of measurements: gamp, robust-gamp or vamp (auto)", default="auto"),
      _option("--iterations", "N", "iterations at most (500)", default="500"), *_output("", ".csv, .npz"))),
    ("sample", own_data.run_sample, "draw configurations of your own data by a path, with message passing",
     "sample sk --data J.npy --control 1.2 --path flow --batch 8 --seed 1 --steps 50 -o samples.csv",
     (*ON_PATH, *DATA, _option("--batch", "N", "configurations (16)", default="16"),
      _option("--seed", "N", "integer >= 0 (0)", default="0"),
      _option("--steps", "N", "steps of the path (50)", default="50"),
      _option("--denoiser", "D", "amp, or exact for up to 14 variables", default="amp"),
      _option("--method", "M", "path, decimation or reinforcement", default="path"), *_output("", ".csv, .npz"))),
    ("check", commands.run_check, "recompute published thresholds, and tell which agree within their tolerance",
     "check ising-p-spin --set p=3",
     (_option("model", "MODEL", "model name (the whole catalogue)", nargs="?"),
      _option("--set", "NAME=VALUE", "a parameter; lists as a,b,c", action="append", default=[]),
      _option("--catalogue", "FILE", "published values of your own, .json (those of the package)"),
      *_output("", ".csv"))),
    ("sweep", families.run_sweep, "tabulate thresholds and more over parameters, controls and strengths",
     "sweep spiked-matrix --set prior=sparse-rademacher --over rho=0.02:0.2:10 -o table.csv",
     (*ON_PATH,
      _option("--over", "NAME=VALUES", "an axis: a parameter, the control or the strength, as LO:HI:N or a,b,c",
              action="append", required=True),
      _option("--quantity", "NAME", "what to find (thresholds); may be repeated", action="append", default=[]),
      WORKERS, RESUMED,
      _option("--coordinate", "NAME", "of pictures: what is drawn of points, such as overlap"),
      _option("--scaling", "NAME", "of pictures: scaling of the control, such as noise_over_rho2"),
      LOOK[0], LOOK[2], *_output("", ".csv, .json, or a picture over the longest axis: .pdf, .png, .svg"))),
    ("reproduce", commands.run_reproduce, "draw the phase diagrams of arXiv:2308.14085, or another study, with numbers",
     "reproduce --folder figures --force",
     (_option("study", "STUDY", "sampling, the diagrams of that paper (default), spherical-mixed, "
              "compressed-sensing, phase-retrieval, relu, symmetric-door, block-models, sparse-pca, codes", nargs="?"),
      _option("--folder", "DIR", "where to write (figures)", default="figures"), FORCE)),
    ("completion", completion.run_completion, "print a script that completes commands, options and names in a shell",
     "completion bash", (_option("shell", "SHELL", "bash, zsh or tcsh"),)),
)  # fmt: skip
