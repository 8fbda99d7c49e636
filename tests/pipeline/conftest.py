import pytest

from tests.pipeline import homes


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory):
    """Ten simulated days through the whole graph, by the command a user types."""
    home = homes.write_demo(tmp_path_factory.mktemp("demo"))
    result = homes.demo(home)
    assert result.returncode == 0, result.stdout + result.stderr
    return home
