"""Numbers as a person reads them."""


def counted(number: int, thing: str) -> str:
    """Return `1 epoch`, `2 epochs`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def percent(share: float) -> str:
    """Return a share of 1 in percent, as `95.33 %`."""
    return f"{100 * share:.2f} %"
