"""The learning rate's steps."""


def stepped_lr(epoch: int, lr: float, step_size: int, gamma: float) -> float:
    """Return the rate of an epoch, counted from 1: `lr`, times `gamma` every `step_size` epochs."""
    return lr * gamma ** ((epoch - 1) // step_size)
