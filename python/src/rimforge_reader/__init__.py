"""Reads what rimforge writes: data sets, drawn images, projections, results and networks.

numpy is all it needs. torch, of any version, is optional: it makes networks modules. docs/python.md walks through it.
"""

from .contrast import Contrast, Values
from .datasets import Patches, Slices, read_patches, read_slices
from .description import GeneratorSizes, NetworkDescription, latents
from .drawn import Drawn, read_drawn
from .networks import describe_network, load_generator
from .onnx_export import export_onnx
from .problem import Problem
from .projections import Projections, read_projections
from .results import Results, read_results
from .table import Table

__version__ = "0.1.0"

__all__ = [
    "Contrast",
    "Drawn",
    "GeneratorSizes",
    "NetworkDescription",
    "Patches",
    "Problem",
    "Projections",
    "Results",
    "Slices",
    "Table",
    "Values",
    "describe_network",
    "export_onnx",
    "latents",
    "load_generator",
    "read_drawn",
    "read_patches",
    "read_projections",
    "read_results",
    "read_slices",
]
