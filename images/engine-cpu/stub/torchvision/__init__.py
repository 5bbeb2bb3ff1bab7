"""Stands in for torchvision: SGLang imports its image transforms when it loads, text needs none."""

__version__ = "0.29.2"
