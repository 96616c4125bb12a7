"""The SDK of the insurer gateway: signed requests, verified answers.

key = Key("our-key-1", "ed25519", Path("key.pem").read_bytes())
with Gateway("https://gateway.example", key) as gateway:
    document = gateway.put_document(ofd, "application/ofd")
    receipt = gateway.submit(message)
"""

from client.calls import Answer, Calls, Gap, Problem
from client.gateway import Gateway
from client.keys import Key
from client.session import Session, SignedIn, sign_in

__all__ = ["Answer", "Calls", "Gap", "Gateway", "Key", "Problem", "Session", "SignedIn", "sign_in"]
