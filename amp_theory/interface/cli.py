"""The command line.  It reads arguments, calls the library, and prints; the theory is elsewhere."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, Any, NoReturn

from amp_theory import __version__
from amp_theory.interface.command_list import COMMANDS, COMMON, QUANTITIES, SECONDS
from amp_theory.tools.errors import AmpTheoryError, FileError, InputError, NumericalError, shown, unknown_name


class _Once(argparse.Action):
    """Store a value; an error if the option is given twice."""

    def __call__(self, parser: Any, namespace: argparse.Namespace, values: Any, option_string: Any = None) -> None:
        """Store the value."""
        if option_string and self.dest in namespace.given:
            raise InputError(f"{option_string} is given twice")
        namespace.given = {*namespace.given, self.dest}
        setattr(namespace, self.dest, values)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and to which -1e-3 and -inf are values, not options."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings, allow_abbrev=False)
        self.register("action", None, _Once)
        self._negative_number_matcher = re.compile(r"^-(\d|\.\d|inf|nan)", re.IGNORECASE)
        self.set_defaults(given=set())

    def error(self, message: str) -> NoReturn:
        """Raise an `InputError`."""
        raise InputError(message)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Print help or version; an output that is full is an error as everywhere."""
        _print(message, file or sys.stdout, end="")


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the arguments; unknown commands and options are errors that suggest the nearest known one."""
    parser, known_commands = _parser()
    words = _command_first(arguments)
    if words and not words[0].startswith("-") and words[0] not in known_commands:
        raise unknown_name("command", words[0], known_commands)
    if words and words[0].startswith("-"):
        _check_first(words[0], parser, known_commands)
    options, extra = parser.parse_known_args(words)
    for item in extra:
        if item.startswith("-"):
            known = [name for action in known_commands[options.command]._actions for name in action.option_strings]
            name = item.partition("=")[0]
            raise unknown_name("option", name, known, _option_for(name, known))
        raise InputError(f"unexpected argument {item!r}")
    return options


def _command_first(arguments: Sequence[str]) -> list[str]:
    """Move what every command takes from before the command to behind it, where it means the same."""
    lengths = {name: 1 if "action" in settings else 2 for names, settings in COMMON for name in names.split()}
    words, first = list(arguments), 0
    while first < len(words):
        name = "-v" if re.fullmatch("-v+", words[first]) else words[first].partition("=")[0]
        if name not in lengths:
            break
        first += 1 if "=" in words[first] else lengths[name]
    return [*words[first : first + 1], *words[:first], *words[first + 1 :]]


def _check_first(word: str, parser: _Parser, known_commands: Mapping[str, _Parser]) -> None:
    """Raise an `InputError` for an option that stands first, and is not one that may."""
    name, may = word.partition("=")[0], parser._option_string_actions
    if name in may:
        return
    if any(name in command._option_string_actions for command in known_commands.values()):
        raise InputError(f"the option {name} must stand behind the command: amp-theory COMMAND ... {name}")
    raise unknown_name("option", name, may)


def _option_for(name: str, known: Sequence[str]) -> str | None:
    """Return the option for what is called by its own name or symbol: the control or the strength."""
    from amp_theory.models.synonyms import meanings

    words = {name.strip("-").replace("-", "_"), *meanings(name.strip("-"), related=True)}
    found = [option for option, names in QUANTITIES.items() if option in known and names & words]
    return found[0] if found else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 success, 1 numerical or system failure, 2 bad input.

    It is 130 after Ctrl-C and 143 if another program ended it.
    """
    options = argparse.Namespace()
    try:
        with _surroundings(), _standard_error():
            given = sys.argv[1:] if arguments is None else arguments
            options = _parse(given)
            with _watched(options, given):
                result, text = options.run(options)
            _print(json.dumps(result, indent=1, allow_nan=False) if options.json else text, sys.stdout)
    except NumericalError as error:
        return _fail(str(error), 1)
    except AmpTheoryError as error:
        return _fail(str(error), 2)
    except BrokenPipeError:  # the reader closed the pipe: nothing more to say to it
        _silence(1)
    except OSError as error:  # standard output is full, say
        _silence(1)
        return _fail(str(error), 1)
    except MemoryError:
        return _fail("there is not enough memory for this: ask for a smaller size, or fewer points", 1)
    except KeyboardInterrupt as interruption:
        if getattr(options, "checkpoint", None) is not None:
            _say(f"amp-theory: interrupted: the same command again resumes from {options.checkpoint!r}")
        return 128 + (interruption.args[0] if isinstance(interruption, _Ended) else signal.SIGINT)
    return 0


def _watched(options: argparse.Namespace, arguments: Sequence[str]) -> contextlib.AbstractContextManager[None]:
    from amp_theory.interface.logs import watched  # late, as help needs none of it

    return watched(options, arguments)


class _Ended(KeyboardInterrupt):
    """A signal, the argument, asks this program to end: what was begun is tidied up."""


@contextlib.contextmanager
def _surroundings() -> Iterator[None]:
    """Make sure of the streams, of what draws, and that a request to end lets everything be tidied up."""
    # a file opened later would get the number of a stream that is closed
    while (handle := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(handle)
    if sys.stdout is None:
        raise FileError("standard output is closed: send it to a file, or to /dev/null")
    if "matplotlib" not in sys.modules:
        os.environ["MPLBACKEND"] = "agg"  # no window is ever opened

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ended: list[int] = []

    def end(number: int, _: object) -> None:
        if not ended:  # tidying up is not interrupted
            ended.append(number)
            raise _Ended(number)

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if ended:  # whatever it was taken for on its way here
            raise _Ended(ended[0])


@contextlib.contextmanager
def _standard_error() -> Iterator[None]:
    """Give libraries that write to standard error, or look at it when they are imported, something if it is closed."""
    with contextlib.redirect_stderr(io.StringIO()) if sys.stderr is None else contextlib.nullcontext():
        try:
            yield
        finally:
            try:
                sys.stderr.flush()
            except OSError:  # what it still holds would be tried again when Python ends, and be a failure then
                _silence(2)


def _print(text: str, stream: IO[str], end: str = "\n") -> None:
    """Print text; what a terminal has no character for is written as its code."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), end=end, file=stream, flush=True)


def _silence(stream: int) -> None:
    """Let nothing more fail at what is still to be written to a stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream)


def _say(text: str) -> None:
    """Print to standard error, if there is one that takes it."""
    if sys.stderr is None:
        return
    try:
        _print(text, sys.stderr)
    except OSError:
        _silence(2)


def _fail(message: str, code: int) -> int:
    _say(f"amp-theory: error: {shown(message)}")
    return code


# --- reading arguments -------------------------------------------------------------------------------------


def _parser() -> tuple[_Parser, dict[str, _Parser]]:
    """Return the parser, and those of its commands by name."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="amp-theory",
        description="Exact phase diagrams of sampling by flows, diffusions and autoregressive networks.",
        epilog="example: amp-theory thresholds ising-p-spin --set p=3 --path flow",
        formatter_class=raw,
    )
    parser.add_argument("--version", action="version", version=f"amp-theory {__version__}")
    for names, settings in COMMON:
        parser.add_argument(*names.split(), **settings)
    parsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, run, text, example, options in COMMANDS:
        long = f"\nit takes about {SECONDS[name]} s" if name in SECONDS else ""
        sub = parsers.add_parser(
            name, help=text, description=text, epilog=f"example: amp-theory {example}{long}", formatter_class=raw
        )
        sub.set_defaults(run=run, parser=lambda: _parser()[0])
        for names, settings in (*COMMON, *options):
            sub.add_argument(*names.split(), **settings)
    return parser, parsers.choices


if __name__ == "__main__":
    sys.exit(main())
