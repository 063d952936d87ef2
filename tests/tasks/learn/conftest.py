"""Modules beside the tests can be imported: tests are not a package."""

import sys

sys.path.insert(0, __file__.rpartition("/")[0])
