from hypothesis import given
from hypothesis import strategies as st

from alignment_monitor.privacy.users import user_key


@given(st.binary(min_size=1, max_size=200), st.text(st.characters(codec="utf-8")))
def test_equal_users_stay_equal_under_any_secret(secret, user):
    key = user_key(secret, user)
    assert key == user_key(secret, user)
    assert len(key) == 32
    assert int(key, 16) >= 0


def test_another_user_or_another_secret_is_another_key():
    keys = {user_key(secret, user) for secret in (b"a", b"b", b"a" * 100) for user in ("x", "y")}
    assert len(keys) == 6
