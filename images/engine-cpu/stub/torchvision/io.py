"""Every name raises when it is called."""

from torchvision.transforms import __getattr__

__all__ = ["__getattr__"]
