"""The metric catalogue of this installation, for readers of a lake."""

from abtest_lib.config import load_settings
from abtest_lib.errors import AbtestError
from abtest_lib.metrics import Catalogue, load_catalogue


def readable_catalogue() -> Catalogue:
    """Return the catalogue that the settings name; an empty one where it cannot be read.

    A lake holds the names of metrics. Their units and descriptions are shown where the catalogue is at hand.
    """
    try:
        return load_catalogue(load_settings())
    except AbtestError:
        return Catalogue()
