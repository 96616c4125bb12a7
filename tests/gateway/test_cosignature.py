"""Cosignatures and the SM2 line beside the log's own: each is believed for what it says, and for nothing else."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from service import Service, serve
from test_note import ED, ED_KEY, NAME, OTHER, SM2, SM2_KEY

from gateway.app import publish_now
from gateway.ledger.checkpoint import CheckpointRefused, open_checkpoint, sign_checkpoint
from gateway.ledger.cosignature import cosign, cosigner_key, read_cosignatures
from gateway.ledger.merkle import EMPTY_ROOT
from gateway.ledger.note import NoteKey, NoteRefused, open_note, read_key, read_keys
from signing.sm2 import engine

WITNESS = "witness.example/w1"
SIGNED = sign_checkpoint(NAME, 0, EMPTY_ROOT, [ED, SM2])
AT = 1679315147


def test_a_cosignature_is_what_the_specification_says() -> None:
    made = cosign(SIGNED.text(), WITNESS, OTHER, AT)
    dash, name, encoded = made.line.removesuffix("\n").split(" ")
    blob = base64.b64decode(encoded)
    public = OTHER.spki[-32:]
    assert (dash, name, len(blob)) == ("—", WITNESS, 4 + 8 + 64)
    assert blob[:4] == hashlib.sha256(WITNESS.encode() + b"\n\x04" + public).digest()[:4]
    assert int.from_bytes(blob[4:12], "big") == AT
    message = f"cosignature/v1\ntime {AT}\n{NAME}\n0\n{base64.b64encode(EMPTY_ROOT).decode()}\n".encode()
    Ed25519PublicKey.from_public_bytes(public).verify(blob[12:], message)
    assert read_key(made.key.line()) == made.key


def test_cosignatures_are_read_from_a_checkpoint() -> None:
    made = cosign(SIGNED.text(), WITNESS, OTHER, AT)
    stranger = cosign(SIGNED.text(), "stranger.example", ED, AT)
    late = cosign(SIGNED.text(), WITNESS, OTHER, AT + 1)
    wrong = made.line.replace(made.line[-9], "A" if made.line[-9] != "A" else "B")
    short = f"— {WITNESS} {base64.b64encode(made.key.key_id + bytes(71)).decode()}\n"
    note = SIGNED.note + (stranger.line + wrong + short + made.line + late.line).encode()
    assert read_cosignatures(note, [made.key, ED_KEY]) == [made]
    assert read_cosignatures(note, [stranger.key, made.key]) == [stranger, made]
    assert read_cosignatures(note, []) == []
    assert open_checkpoint(SIGNED.note + made.line.encode(), [ED_KEY]).size == 0
    assert open_note(SIGNED.note + made.line.encode(), [made.key]).signed_by == (made.key,)
    with pytest.raises(NoteRefused):
        read_cosignatures(b"no note", [made.key])


def test_a_cosignature_does_not_make_a_checkpoint_the_logs_own() -> None:
    """Also not under the log's own name, and with its own key."""
    made = cosign(SIGNED.text(), NAME, ED, AT)
    note = SIGNED.text().encode() + b"\n" + made.line.encode()
    with pytest.raises(CheckpointRefused, match="other-log"):
        open_checkpoint(note, [made.key])
    with pytest.raises(CheckpointRefused, match="unknown-signer"):
        open_checkpoint(note, [ED_KEY])


def test_a_moment_beyond_all_time_is_not_believed() -> None:
    with pytest.raises(NoteRefused, match="bad-signature"):
        cosign(SIGNED.text(), WITNESS, OTHER, 1 << 63)
    assert cosign(SIGNED.text(), WITNESS, OTHER, (1 << 63) - 1).at == (1 << 63) - 1


def test_only_ed25519_cosigns() -> None:
    with pytest.raises(NoteRefused, match="malformed-key"):
        cosigner_key(WITNESS, SM2)
    with pytest.raises(NoteRefused, match="malformed-key"):
        NoteKey(WITNESS, "cosignature/v1", bytes(31))


def test_either_signature_of_a_checkpoint_is_enough_and_none_may_be_wrong() -> None:
    for keys in ([ED_KEY], [SM2_KEY], [ED_KEY, SM2_KEY]):
        assert open_checkpoint(SIGNED.note, keys).size == 0
    first, second = SIGNED.note.decode().splitlines()[-2:]
    swapped = SIGNED.text() + "\n" + second + "\n" + first + "\n"
    assert open_checkpoint(swapped.encode(), [SM2_KEY]).size == 0
    with pytest.raises(CheckpointRefused, match="bad-signature"):
        open_checkpoint(sign_checkpoint(NAME, 1, bytes(32), [ED]).note + (second + "\n").encode(), [ED_KEY, SM2_KEY])


def test_the_service_signs_with_both_keys_and_lists_both(dsn: str) -> None:
    assert engine()

    async def work(service: Service) -> None:
        await publish_now(service.gateway)
        listed = (await service.send("GET", "/v1/log/key", b"", {})).body.decode()
        keys = read_keys(listed)
        assert [key.algorithm for key in keys] == ["ed25519", "sm2-sm3"]
        note = (await service.send("GET", "/v1/log/checkpoint", b"", {})).body
        assert open_note(note, keys).signed_by == keys
        for key in keys:
            assert open_checkpoint(note, [key]).origin == service.gateway.config.log_origin
        published = (await service.send("GET", "/v1/keys", b"", {})).json()["keys"]
        assert [key["algorithm"] for key in published] == ["ed25519", "sm2-sm3"]
        assert base64.b64decode(published[0]["public_key"])[-32:] == keys[0].public

    serve(dsn, work)
