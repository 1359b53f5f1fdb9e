"""Valid bytes, damaged: flipped, cut off, inserted, spliced."""

from collections.abc import Callable

from hypothesis import strategies as st

Damage = Callable[[bytes], bytes]


@st.composite
def damaged(draw: st.DrawFn, data: bytes, tokens: tuple[bytes, ...] = (b"\0", b"\xff\xff\xff\xff")) -> bytes:
    """Return `data` after one to four blows.

    Args:
        tokens: what is inserted, beside a few bytes of any kind.
    """
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        size = draw(st.integers(0, 64))
        match draw(st.sampled_from(["flip", "flip", "set", "cut", "insert", "drop", "copy", "zero"])):
            case "flip" if data:
                data = data[:at] + bytes([data[at] ^ (1 << draw(st.integers(0, 7)))]) + data[at + 1 :]
            case "set" if data:
                data = data[:at] + bytes([draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))]) + data[at + 1 :]
            case "cut":
                data = data[:at]
            case "insert":
                what = draw(st.one_of(st.sampled_from(tokens), st.binary(max_size=16)))
                data = data[:at] + what + data[at:]
            case "drop":
                data = data[:at] + data[at + size :]
            case "copy":
                source = draw(st.integers(0, max(0, len(data) - 1)))
                data = data[:at] + data[source : source + size] + data[at:]
            case "zero":
                data = data[:at] + b"\0" * min(size, len(data) - at) + data[at + size :]
            case _:
                pass
    return data
