"""Where `conf/` is: beside the package in a checkout, else in it; never the current folder's."""

from functools import cache
from pathlib import Path


@cache
def conf_dir() -> Path:
    """The folder that holds config.yaml and the groups."""
    package = Path(__file__).resolve().parents[1]
    checkout = package.parent
    # An installed package's parent is site-packages, where a `conf` may be somebody else's.
    if (checkout / "pyproject.toml").is_file() and (checkout / "conf" / "config.yaml").is_file():
        return checkout / "conf"
    return package / "conf"
