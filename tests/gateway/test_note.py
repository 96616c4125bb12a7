"""Notes, keys and checkpoints: what is written is read back, and nothing else is believed."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.ledger.checkpoint import CheckpointRefused, open_checkpoint, read_checkpoint, sign_checkpoint
from gateway.ledger.note import NoteKey, NoteRefused, key_of, open_note, read_key, read_keys, sign_note
from signing.signer import LocalSigner, load_signer, sm2_signer

NAME = "gateway.example/premiums"
TEXT = "one\n\ntwo — 三\n"


def ed25519(seed: int) -> LocalSigner:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return load_signer(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


ED, SM2, OTHER = ed25519(1), sm2_signer(987654321), ed25519(2)
ED_KEY, SM2_KEY, OTHER_KEY = (key_of(NAME, signer) for signer in (ED, SM2, OTHER))
NOTE = sign_note(TEXT, NAME, [ED, SM2])


@pytest.mark.parametrize("key", [ED_KEY, SM2_KEY])
def test_a_key_is_read_from_its_line(key: NoteKey) -> None:
    assert read_key(key.line()) == key
    assert read_keys(f"{key.line()}\n\n{OTHER_KEY.line()}\n") == (key, OTHER_KEY)


def test_the_type_of_sm2_is_as_documented() -> None:
    _, _, encoded = SM2_KEY.line().split("+", 2)
    typed = base64.b64decode(encoded)
    assert typed.startswith(b"\xffpremium-exchange/sm2-sm3\x04")
    assert len(typed) == 25 + 65


@pytest.mark.parametrize(
    "line",
    [
        "",
        "name",
        ED_KEY.line() + " ",
        ED_KEY.line()[:-1],
        ED_KEY.line().replace("+", "+0", 1),
        ED_KEY.line().upper(),
        ED_KEY.line().replace("gateway", "gatewax"),
        f"{NAME}+{OTHER_KEY.key_id.hex()}+{base64.b64encode(ED_KEY.typed).decode()}",
        f"{NAME}+00000000+{base64.b64encode(bytes([4]) + ED_KEY.public).decode()}",
        f"a b+00000000+{base64.b64encode(ED_KEY.typed).decode()}",
        f"+00000000+{base64.b64encode(ED_KEY.typed).decode()}",
        f"{NAME}+00000000+{base64.b64encode(ED_KEY.typed[:-1]).decode()}",
    ],
)
def test_another_line_is_no_key(line: str) -> None:
    with pytest.raises(NoteRefused) as refusal:
        read_key(line)
    assert refusal.value.reason == "malformed-key"


def test_a_text_without_a_key_has_no_keys() -> None:
    with pytest.raises(NoteRefused):
        read_keys("\n")


def test_a_note_says_who_signed_it() -> None:
    assert open_note(NOTE, [ED_KEY]).signed_by == (ED_KEY,)
    assert open_note(NOTE, [SM2_KEY, OTHER_KEY]).signed_by == (SM2_KEY,)
    assert open_note(NOTE, [SM2_KEY, ED_KEY]).signed_by == (ED_KEY, SM2_KEY)
    assert open_note(NOTE, [ED_KEY]).text == TEXT


def test_a_known_key_that_did_not_sign_spoils_the_note() -> None:
    """The wrong line may stand beside a right one: who changes a note cannot choose which one is looked at."""
    lines = NOTE.split(b"\n")
    signature = base64.b64decode(lines[-2].split(b" ")[-1])
    lines[-2] = lines[-2].rsplit(b" ", 1)[0] + b" " + base64.b64encode(signature[:-1] + bytes([signature[-1] ^ 1]))
    with pytest.raises(NoteRefused) as refusal:
        open_note(b"\n".join(lines), [ED_KEY, SM2_KEY])
    assert refusal.value.reason == "bad-signature"
    assert open_note(b"\n".join(lines), [ED_KEY]).signed_by == (ED_KEY,)


def test_an_unknown_key_is_not_believed() -> None:
    with pytest.raises(NoteRefused) as refusal:
        open_note(NOTE, [OTHER_KEY])
    assert refusal.value.reason == "unknown-signer"


@settings(deadline=None)
@given(st.integers(0, len(NOTE) - 1), st.integers(1, 255))
def test_no_changed_byte_is_believed(place: int, change: int) -> None:
    changed = bytearray(NOTE)
    changed[place] ^= change
    try:
        note = open_note(bytes(changed), [ED_KEY, SM2_KEY])
    except NoteRefused:
        return
    # A line whose name or key ID was changed is a stranger's, and ignored; the text is still what was signed.
    assert note.text == TEXT
    assert len(note.signed_by) == 1


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_by_reason(data: bytes) -> None:
    for note in (data, b"text\n\n" + data, data + NOTE[-100:]):
        with pytest.raises(NoteRefused):
            open_note(note, [ED_KEY])


@pytest.mark.parametrize("text", ["", "no newline", "a\rb\n", "a\x00\n", "\ud800\n"])
def test_what_is_no_text_is_not_signed(text: str) -> None:
    with pytest.raises((NoteRefused, UnicodeEncodeError)):
        sign_note(text, NAME, [ED])


def test_a_signer_of_another_algorithm_does_not_sign_notes() -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(NoteRefused):
        sign_note(TEXT, NAME, [load_signer(pem)])


def test_a_note_of_too_many_lines_is_refused() -> None:
    line = NOTE.split(b"\n")[-3] + b"\n"
    many = TEXT.encode() + b"\n" + line * 101
    with pytest.raises(NoteRefused) as refusal:
        open_note(many, [ED_KEY])
    assert refusal.value.reason == "malformed"
    assert open_note(TEXT.encode() + b"\n" + line * 16, [ED_KEY]).signed_by == (ED_KEY,)


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_back(size: int, root: bytes) -> None:
    signed = sign_checkpoint(NAME, size, root, [ED])
    assert open_checkpoint(signed.note, [ED_KEY]) == signed
    assert read_checkpoint(signed.text() + "extension\n").size == size


ROOT = base64.b64encode(bytes(32)).decode()


@pytest.mark.parametrize(
    "text",
    [
        f"{NAME}\n01\n{ROOT}\n",
        f"{NAME}\n+1\n{ROOT}\n",
        f"{NAME}\n1 \n{ROOT}\n",
        f"{NAME}\n٣\n{ROOT}\n",
        f"{NAME}\n{2**64}\n{ROOT}\n",
        f"{NAME}\n1\n\n",
        f"{NAME}\n1\n{ROOT}",
        f"{NAME}\n1\n{ROOT}\n\n",
        f"{NAME}\n1\n{ROOT[:-2]}B=\n",
        f"{NAME}\n1\n{ROOT[:-1]}\n",
        f"{NAME}\n1\n {ROOT}\n",
        "",
    ],
)
def test_another_text_is_no_checkpoint(text: str) -> None:
    with pytest.raises(CheckpointRefused) as refusal:
        read_checkpoint(text)
    assert refusal.value.reason == "malformed"


def test_a_log_does_not_sign_for_another() -> None:
    text = f"other.example/log\n1\n{ROOT}\n"
    with pytest.raises(CheckpointRefused) as refusal:
        open_checkpoint(sign_note(text, NAME, [ED]), [ED_KEY])
    assert refusal.value.reason == "other-log"


@pytest.mark.parametrize("origin", ["", "a b", "a+b", "a\n5"])
def test_an_origin_that_is_no_name_is_not_signed(origin: str) -> None:
    with pytest.raises(NoteRefused):
        sign_checkpoint(origin, 1, bytes(32), [ED])
