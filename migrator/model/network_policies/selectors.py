"""Label selectors as a tree: one form for those of Kubernetes and those of Calico.

Sources: Kubernetes API reference, LabelSelector; Calico, reference of NetworkPolicy, "Selectors".
In both ``!=`` and ``not in`` match an object that has no such label.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

# What is compared with the value of one label.
Operator: TypeAlias = Literal["in", "not in", "has", "contains", "starts with", "ends with"]


@dataclass(frozen=True, slots=True)
class Compare:
    """One label. ``values``: of ``in`` and ``not in`` all, of ``has`` none, else one."""

    key: str
    operator: Operator
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Everything:
    """``all()``, and a selector without a condition."""


@dataclass(frozen=True, slots=True)
class Globally:
    """``global()``: what is in no namespace."""


@dataclass(frozen=True, slots=True)
class Not:
    """What the inner selector does not match."""

    inner: "Selector"


@dataclass(frozen=True, slots=True)
class AllOf:
    """What every one of them matches."""

    parts: tuple["Selector", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What at least one of them matches."""

    parts: tuple["Selector", ...]


@dataclass(frozen=True, slots=True)
class Unparsed:
    """A selector that is not understood; whether it matches is not known. ``why``: for people."""

    why: str


Selector: TypeAlias = Compare | Everything | Globally | Not | AllOf | AnyOf | Unparsed
