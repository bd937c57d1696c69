"""Functions with one form for each class, which registers it: a user's own class as one of the package does."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

Given = TypeVar("Given")
P = ParamSpec("P")
R = TypeVar("R")
Form = TypeVar("Form", bound=Callable[..., Any])


class ByClass(Generic[Given, P, R]):
    """A function that answers by the form which the class of its first argument, or that class itself, has registered.

    Unlike `functools.singledispatch` it gives a subclass no form of its parent's, as it may be another law; what it
    decorates answers for all classes that registered none, mostly with an `InputError`.

    Examples
    --------
    >>> @ByClass
    ... def legs(animal):
    ...     raise InputError(f"{animal!r} has no legs: register them with {legs.where}")
    >>> @legs.register(int)
    ... def _of_numbers(number):
    ...     return 2 * number
    >>> legs(3)
    6
    """

    def __init__(self, otherwise: Callable[Concatenate[Given, P], R]) -> None:
        update_wrapper(self, otherwise)
        self._otherwise = otherwise
        self._forms: dict[type, Callable[..., R]] = {}
        self.where = f"{otherwise.__module__}.{otherwise.__qualname__}.register"

    def register(self, kind: type) -> Callable[[Form], Form]:
        """Return a decorator that makes a function the form of a class."""

        def keep(form: Form) -> Form:
            self._forms[kind] = form
            return form

        return keep

    def __call__(self, given: Given, /, *rest: P.args, **named: P.kwargs) -> R:
        """Return the answer of the form that belongs to the class of `given`, or to `given` if that is a class."""
        kind = given if isinstance(given, type) else type(given)
        return self._forms.get(kind, self._otherwise)(given, *rest, **named)
