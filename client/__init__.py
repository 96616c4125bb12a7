"""The SDK of the insurer gateway: signed requests, verified answers.

key = Key("our-key-1", "ed25519", Path("key.pem").read_bytes())
with Gateway("https://gateway.example", key) as gateway:
    document = gateway.put_document(ofd, "application/ofd")
    receipt = gateway.submit(message)
"""

from client.gateway import Answer, Gap, Gateway, Problem
from client.keys import Key

__all__ = ["Answer", "Gap", "Gateway", "Key", "Problem"]
