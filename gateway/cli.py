"""The command line."""


def main() -> int:
    """Placeholder until the commands land in this change."""
    return 64
