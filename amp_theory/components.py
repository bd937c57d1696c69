"""Parts of models that have a name and parameters of their own: priors, output channels."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Component(Protocol):
    """A part of a model whose parameters stand flat beside its name, on the command line and in files."""

    name: str

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments that make it, by name."""
