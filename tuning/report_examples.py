"""The most confused pairs of classes, with images."""

from dataclasses import dataclass
from typing import NamedTuple

from tuning.confusion import ConfusedPair
from tuning.wording import percent


class Shown(NamedTuple):
    """An example image."""

    image: str
    """`data:` URI."""
    said: str
    """What it is, for those who do not see it."""


@dataclass(frozen=True)
class Confusions:
    """Pairs, and those of their images that could be opened."""

    pairs: list[ConfusedPair]
    images: dict[str, str]
    """{`class/image.jpg`: `data:` URI}."""

    @property
    def imageless(self) -> bool:
        """Whether there are examples, but no image of any."""
        return bool(self.pairs) and not self.images

    def shown(self, pair: ConfusedPair) -> list[Shown]:
        """Return a pair's images."""
        return [
            Shown(
                self.images[example.path],
                f"{example.path}: {pair.label} taken for {pair.predicted} with probability {percent(example.probability)}",
            )
            for example in pair.examples
            if example.path in self.images
        ]
