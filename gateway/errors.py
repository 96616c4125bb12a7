"""What can go wrong in the service itself, named for what happened."""


class GatewayError(Exception):
    """The base of this package's own exceptions."""


class Misconfigured(GatewayError):
    """The configuration cannot work: the message names the key or file and what is wrong with it."""
