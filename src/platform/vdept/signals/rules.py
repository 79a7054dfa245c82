"""What an answer to a signal must be."""

from vdept.kernel.errors import invalid

LIMIT = 2000


def require_text(text: str, path: str) -> str:
    """Something is said, and not too much of it."""
    said = text.strip()
    if not said or len(said) > LIMIT or "\0" in said:
        raise invalid(
            path, vi=f"hãy ghi rõ, dài từ 1 đến {LIMIT} ký tự", en=f"say it in 1 to {LIMIT} characters"
        )
    return said
