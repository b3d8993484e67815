"""`dataclass` as the standard library has it, made in a third of the time.

Each frozen dataclass costs a start some 0.6 ms, more than half of it for methods that refuse a change at run time; a
supervisor has more than a hundred. That nobody changes one is proved by mypy, which sees the standard library's own
here, and refused at run time in Python's development mode (`python -X dev`). What compares, hashes and shows a value is
the same for all of them, and not compiled for each.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass
else:
    import dataclasses
    import functools
    import operator

    def dataclass(cls=None, /, **options):
        """Make a class a dataclass; a frozen one can be hashed as usual."""
        if cls is None:
            return lambda cls: dataclass(cls, **options)
        if sys.flags.dev_mode:
            return dataclasses.dataclass(cls, **options)
        is_frozen = options.pop("frozen", False)
        shared = {}
        if options.pop("repr", True):
            shared["__repr__"] = _shown
        if options.pop("eq", True):
            shared |= {"__eq__": _is_equal, "__hash__": _hashed if is_frozen else None}
        written = vars(cls)
        for name, method in shared.items():
            if name not in written:
                setattr(cls, name, method)
        return dataclasses.dataclass(cls, repr=False, eq=False, **options)

    @functools.cache
    def _compared(cls):
        """Return what reads the fields by which values of a class are compared."""
        names = [field.name for field in dataclasses.fields(cls) if field.compare]
        return operator.attrgetter(*names) if names else lambda _: ()

    def _is_equal(self, other):
        if other.__class__ is not self.__class__:
            return NotImplemented
        compared = _compared(self.__class__)
        return compared(self) == compared(other)

    def _hashed(self):
        return hash(_compared(self.__class__)(self))

    def _shown(self):
        shown = (field.name for field in dataclasses.fields(self) if field.repr)
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"
