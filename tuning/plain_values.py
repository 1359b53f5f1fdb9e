"""YAML's values as plain Python ones, and nothing else: no tags, no dates, no references without end."""

from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

Place = tuple[str | int, ...]
"""A value's keys and list positions from the top."""

DEEPEST = 30
MOST = 100_000
"""Values of a file, each reference counted as all that it refers to: ten lines of references can stand for billions."""
LARGEST_BITS = 128
"""Of a whole number; no setting takes one of more than 63."""


_RULE = "must be text, a number, true, false, null, a list or a mapping"


def plain(loaded: Any, origins: dict[Place, str]) -> Any:
    """Return a loaded value as plain Python values, and note the line of each key and item in `origins`.

    Raises:
        ValueError: the first value that is not plain, with its line.
    """
    return _Plain(origins).of(loaded, (), "line 1")


def dotted(place: Place) -> str:
    """Return a place as a person writes it: `search.points[0].lr`."""
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).removeprefix(".")


class _Plain:
    def __init__(self, origins: dict[Place, str]):
        self._origins = origins
        self._count = 0

    def of(self, value: Any, place: Place, line: str) -> Any:
        """Return the plain value; `line` is that of what holds it."""
        line = self._origins.get(place, line)
        self._count += 1
        if len(place) > DEEPEST:
            raise ValueError(f"{line}: {dotted(place[:3])}: is nested more than {DEEPEST} deep, or in itself")
        if self._count > MOST:
            line = self._origins.get(place[:1], line)  # and not that of what is referred to
            raise ValueError(
                f"{line}: the file stands for more than {MOST:,} values by here; use fewer references"
            )
        if type(value) in (CommentedMap, CommentedSeq) and value.tag.value is not None:
            raise ValueError(
                f"{line}: {dotted(place)}: {_RULE} without a tag, but has {value.tag.value}; leave it away"
            )
        if type(value) is CommentedMap:
            return self._mapping(value, place, line)
        if type(value) is CommentedSeq:
            for index in range(len(value)):
                if mark := value.lc.item(index):
                    self._origins[(*place, index)] = f"line {mark[0] + 1}"
            return [self.of(item, (*place, index), line) for index, item in enumerate(value)]
        return _scalar(value, f"{line}: {dotted(place)}" if place else line)

    def _mapping(self, value: CommentedMap, place: Place, line: str) -> dict[str, Any]:
        found = {}
        for key in value:
            if key in (value.lc.data or {}):  # what a merge key brings in is another mapping's
                self._origins[(*place, key)] = f"line {value.lc.key(key)[0] + 1}"
            line_of_key = self._origins.get((*place, key), line)
            if not isinstance(key, str):
                raise ValueError(f"{line_of_key}: the key {str(key)[:40]!r} must be text; put it in quotes")
            found[_scalar(key, f"{line_of_key}: a key")] = self.of(value[key], (*place, key), line)
        return found


def _scalar(value: Any, where: str) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            bare = kind(value)
            if isinstance(bare, str) and any("\ud800" <= character <= "\udfff" for character in bare):
                raise ValueError(
                    f"{where}: must not hold half a character (a surrogate); write the whole one"
                )
            if isinstance(bare, int) and bare.bit_length() > LARGEST_BITS:
                problem = f"must be a number of at most {LARGEST_BITS} bits, but has {bare.bit_length()}"
                raise ValueError(f"{where}: {problem}")
            return bare
    if value is None:
        return None
    tag = value.tag.value if hasattr(value, "tag") else None
    kind_of = f"tagged {tag}" if tag else f"YAML's {type(value).__name__.removeprefix('Commented').lower()}"
    raise ValueError(f"{where}: {_RULE}, but is {kind_of}; put it in quotes")
