"""Our dataclasses behave as the standard library's, but for a change at run time, which mypy alone refuses."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from dataclasses import field, replace

import pytest

from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A value."""

    x: int
    y: int = 0
    note: str = field(default="", compare=False)
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Point3(Point):
    """A value with one more."""

    z: int = 0


@dataclass(frozen=True)
class Nothing:
    """A value without fields."""


@dataclass(frozen=True, slots=True)
class Own:
    """A value that says itself how it is compared, hashed and shown."""

    x: int

    def __repr__(self) -> str:
        return "own"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


@dataclass(slots=True)
class Changing:
    """Something that changes."""

    items: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Itself:
    """Equal to itself alone."""

    x: int


def test_values_are_equal_and_hashed_by_their_compared_fields_and_class() -> None:
    assert Point(1, 2, "a") == Point(1, 2, "b")
    assert Point(1, 2) != Point(1, 3)
    assert Point(1, 2) != Point3(1, 2)
    assert {Point(1, 2, "a"): 1}[Point(1, 2, "b")] == 1
    assert len({Nothing(), Nothing()}) == 1
    assert Itself(1) != Itself(1)


def test_a_value_is_shown_as_usual() -> None:
    assert repr(Point3(1, 2, "n", "s", 3)) == "Point3(x=1, y=2, note='n', z=3)"
    assert repr(Nothing()) == "Nothing()"


def test_what_a_class_says_itself_stands() -> None:
    assert (repr(Own(1)), hash(Own(1)), Own(1) == 3) == ("own", 7, True)


def test_what_changes_cannot_be_hashed() -> None:
    assert Changing() == Changing()
    with pytest.raises(TypeError, match="unhashable"):
        hash(Changing())


def test_the_standard_librarys_functions_work_on_them() -> None:
    point = Point(1, 2, "n", "s")
    assert replace(point, x=5) == Point(5, 2, secret="s")
    assert dataclasses.asdict(point) == {"x": 1, "y": 2, "note": "n", "secret": "s"}
    assert pickle.loads(pickle.dumps(point)) == point
    assert not hasattr(point, "__dict__")
    match point:
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_in_development_mode_a_change_of_a_frozen_one_is_refused() -> None:
    code = (
        "from devctl.core.events import Option\ntry:\n Option('a', 'b').digest = 'c'\nexcept Exception as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-X", "dev", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "cannot assign to field 'digest'\n"
