"""What is known of each network without building it; `trainables.models` builds them."""

IMAGENET = "imagenet"
"""In place of a weight file: torchvision's ImageNet weights."""

MIN_IMAGE_SIZE = {"alexnet": 63, "vgg11": 32}
"""{architecture: fewest pixels a side for which its convolutions leave anything}."""
