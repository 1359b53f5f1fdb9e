"""The outbox: order, tries, and an end that waits for nobody who does not answer."""

from threading import Event

from tuning.outbox import Outbox


def test_a_call_is_made_again_until_it_succeeds_and_those_behind_it_wait() -> None:
    """The server is away for two tries; nothing is lost, and the order stays."""
    made: list[str] = []
    warned: list[str] = []
    tries = iter((False, False, True))
    done = Event()

    def first() -> None:
        if not next(tries):
            raise OSError("away")
        made.append("first")

    box = Outbox(lambda _: True, lambda error: warned.append(str(error)), retry_seconds=0.01)
    box.put(first)
    box.put(lambda: made.append("second"))
    box.put(done.set)
    assert done.wait(10)
    assert box.close() == 0
    assert made == ["first", "second"]
    assert warned == ["away"]


def test_a_call_that_can_never_succeed_is_dropped_alone() -> None:
    """What the server refuses holds up nothing."""
    made: list[str] = []

    def refused() -> None:
        raise ValueError("no")

    box = Outbox(lambda error: isinstance(error, OSError), lambda _: None)
    box.put(refused)
    box.put(lambda: made.append("next"))
    assert box.close() == 1
    assert made == ["next"]


def test_the_end_gives_up_at_the_first_that_finds_nobody() -> None:
    """However long the pause between tries; all that was left is counted."""

    def away() -> None:
        raise OSError("away")

    box = Outbox(lambda _: True, lambda _: None, retry_seconds=3600)
    for _ in range(3):
        box.put(away)
    assert box.close() == 3


def test_the_end_does_not_wait_for_a_call_that_hangs() -> None:
    """Beyond the time it is given."""
    free = Event()
    box = Outbox(lambda _: True, lambda _: None)

    def hang() -> None:
        free.wait(60)

    box.put(hang)
    assert box.close(seconds=0.05) == 1
    free.set()
