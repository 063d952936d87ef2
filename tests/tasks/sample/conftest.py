"""Models of these tests are none of the user's; modules beside them can be imported."""

import sys

import pytest

sys.path.insert(0, __file__.rpartition("/")[0])  # tests are not a package


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ITERUN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
