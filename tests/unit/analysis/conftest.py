"""Small lakes, those of the API's tests."""

import sys
from pathlib import Path

sys.path.insert(
    0, str(Path(__file__).parents[2] / "api")
)  # pytest's importlib mode does not find modules beside a test
