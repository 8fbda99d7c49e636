import pytest

from tests.fakes.stores import KINDS, new_store


@pytest.fixture(params=KINDS)
def store_url(request, tmp_path):
    yield from new_store(request.param, tmp_path)
