"""Equations as docstrings write them, plainly: found in sentences, and turned into LaTeX and MathML.

`Fixed points obey q = theta rho + (1 - theta) M(x), x = xi'(q)` holds two.  What has a backslash is LaTeX already.
"""

from __future__ import annotations

import re
from itertools import pairwise

from math_core import LatexToMathML

GREEK = set(
    re.findall(
        r"\w+",
        """alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega
        Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega""",
    )
)
FUNCTIONS = {"log", "exp", "tanh", "cosh", "sinh", "sin", "cos", "tan", "min", "max"}
DIFFERENTIALS = {"dt", "du", "ds", "dq", "dx", "dz", "dh", "dC", "dH"}
SIGNS = {
    "<=": r"\le ", ">=": r"\ge ", "!=": r"\ne ", "<": r"\lt ", ">": r"\gt ", "->": r"\to ", "~": r"\sim ",
    "+-": r"\pm ", "*": r"\,", ".": r"\cdot ", "..": r"\dots ", "...": r"\dots ", "|": r"\vert ",
    "infinity": r"\infty ", "integral": r"\int ", "int": r"\int ", "sum": r"\sum ", "product": r"\prod ",
    "E": r"\mathbb{E}", "&": r"\& ", "%": r"\% ", "#": r"\# ",
}  # fmt: skip
WORDS = (
    GREEK
    | FUNCTIONS
    | DIFFERENTIALS
    | {"infinity", "integral", "int", "sum", "product", "sqrt", "Var", "Cov", "atanh", "arctan"}
)
NAMES = {"snr", "gap", "mmse", "lo", "hi"}
RELATIONS = {"=", "<=", ">=", "!=", "<", ">", "~", "->"}
OPERATORS = RELATIONS | {"+", "-", "*", "/", "+-"}
_CLOSES = {"(": ")", "[": "]", "{": "}"}
_TOKEN = re.compile(r"\s+|<=|>=|!=|->|\+-|\.\.+|\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])|[A-Za-z]+'*|.", re.S)


def _group(tokens: list[str], start: int) -> int:
    """Return where the bracket that opens at `start` closes."""
    depth = 0
    for i in range(start, len(tokens)):
        depth += (tokens[i] in _CLOSES) - (tokens[i] in _CLOSES.values())
        if depth == 0:
            return i
    return len(tokens) - 1


def _latex(tokens: list[str]) -> str:
    pieces, i = [], 0
    while i < len(tokens):
        token, after = tokens[i], tokens[i + 1] if i + 1 < len(tokens) else ""
        word, primes = token.rstrip("'"), "'" * token.count("'")
        if token in {"^", "_"} and after:
            minus = after == "-" and i + 2 < len(tokens)
            end = _group(tokens, i + 1) if after in "({" else i + 1 + minus
            inside = tokens[i + 2 : end] if after in "({" else tokens[i + 1 : end + 1]
            indices = token == "_" and after.isalpha() and len(after) <= 2 and after not in WORDS
            pieces.append(f"{token}{{{after if indices else _latex(inside)}}}")
            i = end
        elif token == "sqrt" and after == "(":
            end = _group(tokens, i + 1)
            pieces.append(rf"\sqrt{{{_latex(tokens[i + 2 : end])}}}")
            i = end
        elif token == "*" and i and re.match(r"\w", tokens[i - 1]) and not re.match(r"\w", after):
            pieces.append("^{*}")  # the truth s*
        elif token in SIGNS:
            pieces.append(SIGNS[token])
        elif word in GREEK | FUNCTIONS:
            pieces.append(f"\\{word} {primes}")
        elif len(word) > 1 and word.isalpha() and word not in DIFFERENTIALS:
            name = "operatorname" if after == "(" else "text"
            pieces.append(rf"\{name}{{{word}}}{primes}")
        elif token in "{}":
            pieces.append("\\" + token)
        else:
            pieces.append(token)
        i += 1
    return "".join(pieces)


def latex_of(plain: str) -> str:
    """Return the LaTeX of an equation."""
    return plain if "\\" in plain else _latex(_TOKEN.findall(plain))


def mathml_of(latex: str, *, display: bool) -> str:
    """Return the MathML of LaTeX; LaTeX that means nothing raises."""
    lines = r" \\ ".join(part.strip() for part in latex.split("\n\n") if part.strip())
    if r"\\" in lines and r"\begin" not in lines:
        lines = rf"\begin{{aligned}}{lines}\end{{aligned}}"
    return str(LatexToMathML().convert_with_local_state(lines, displaystyle=display))


def _belongs(tokens: list[str], i: int, depth: int) -> bool:
    """Return whether a token can be part of an equation."""
    token = tokens[i]
    before = next((t for t in reversed(tokens[:i]) if not t.isspace()), "")
    after = next((t for t in tokens[i + 1 :] if not t.isspace()), "")
    word = token.rstrip("'")
    if token.isspace():
        return token in {" ", "\n"}
    if word in {"a", "A", "I"}:  # words, unless something makes them symbols
        return word != token or before in OPERATORS | set("_^(,") or after in RELATIONS | set("^_(/),")
    if word.isalpha() and len(word) > 1 and word not in WORDS:
        inside = depth > 0 and before in OPERATORS | set("(,") and after in OPERATORS | set("()[,")
        return (
            inside
            or after == "="
            or before in {"=", "_"}
            or (word in NAMES and (depth > 0 or bool({before, after} & RELATIONS)))
        )
    if token == ",":
        return depth > 0
    if token in {"'", "."}:  # the prime of xi_1', the point of a.b, but not that of a sentence
        return (
            i > 0
            and re.match(r"[\w)]", tokens[i - 1][-1]) is not None
            and (token == "'" or tokens[i + 1 : i + 2] == [after])
        )
    return token[0].isalnum() or token in OPERATORS or token in "^_|!()[]{}" or token.startswith("..")


def _length(tokens: list[str], start: int) -> int:
    """Return how many tokens from `start` are an equation, zero if none are."""
    opened: list[int] = []
    end = start
    while end < len(tokens) and _belongs(tokens, end, len(opened)):
        if tokens[end] in _CLOSES:
            opened.append(end)
        elif tokens[end] in _CLOSES.values():
            if not opened:
                break
            opened.pop()
        end += 1
    if opened:
        end = opened[0]
        if end > start and tokens[end - 1][0].isalnum():  # a function of something in words
            return 0
    while end > start and (tokens[end - 1].isspace() or tokens[end - 1] in OPERATORS | {"^", "_", ".", ".."} - {">"}):
        end -= 1
    found = tokens[start:end]
    return len(found) if _says_something(found) else 0


def _says_something(tokens: list[str]) -> bool:
    """Return whether tokens are more than a number, a symbol or words in brackets."""
    text = "".join(tokens)
    while inner := re.search(r"[(\[][^()\[\]]*[)\]]", text):
        text = text.replace(inner[0], "")
    if (
        not tokens
        or text.count("|") % 2
        or tokens[0].isspace()
        or tokens[0] in OPERATORS - {"-", "+-", "<"} | {"^", "_", ")"}
    ):
        return False
    if "_" in text and not set(re.findall(r"_([a-z]{4,})", text)) <= GREEK:
        return False  # a name of code
    symbols = [t for t in tokens if t[0].isalpha()]
    applied = any(re.match(r"[A-Za-z]", t) and after in {"(", "["} for t, after in pairwise(tokens))
    signs = (OPERATORS | {"^", "_"}) & set(tokens[1:])
    small = any(len(t.rstrip("'")) == 1 or t.rstrip("'") in GREEK for t in symbols)
    return small and bool(signs or applied or any("'" in t for t in symbols))


def equations_in(sentence: str) -> list[tuple[str, bool]]:
    """Return the parts of a sentence, and of each whether it is an equation."""
    tokens = _TOKEN.findall(sentence)
    parts: list[tuple[str, bool]] = []
    text, i = "", 0
    while i < len(tokens):
        length = _length(tokens, i) if not (i and re.match(r"[\w.:/@-]", tokens[i - 1][-1])) else 0
        if length:
            parts += [(text, False)] if text else []
            parts.append(("".join(tokens[i : i + length]), True))
            text, i = "", i + length
        else:
            text, i = text + tokens[i], i + 1
    return parts + ([(text, False)] if text else [])
