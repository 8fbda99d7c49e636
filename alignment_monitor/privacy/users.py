"""User identifiers become keyed hashes: equal users stay equal, nobody can be looked up."""

import hashlib
from functools import lru_cache

KEY_BYTES = 16
_LONGEST_KEY = hashlib.blake2b.MAX_KEY_SIZE


@lru_cache(maxsize=65_536)
def user_key(secret: bytes, user_id: str) -> str:
    """Keyed BLAKE2b hash of a user identifier, as 32 hexadecimal digits."""
    if len(secret) > _LONGEST_KEY:
        secret = hashlib.blake2b(secret).digest()
    return hashlib.blake2b(user_id.encode(), key=secret, digest_size=KEY_BYTES).hexdigest()
