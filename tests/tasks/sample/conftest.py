"""Modules beside the tests, and those of the models' tests, can be imported: no package there."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "models")]
