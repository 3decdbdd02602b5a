"""Raters under names that do not name them."""

import hashlib
import hmac


def pseudonym(rater: str, salt: bytes) -> str:
    """How a rater is called: HMAC-SHA256 of the name under the salt, 64 bits of it."""
    return "rater-" + hmac.new(salt, rater.encode(), hashlib.sha256).hexdigest()[:16]
