"""The folders are the architecture: who may import whom, and which third parties live only where."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "schemas": set(),
    "untrusted": set(),
    "signing": {"schemas", "untrusted"},
    "adapters": {"schemas", "untrusted"},
    "gateway": {"schemas", "untrusted", "signing", "adapters"},
    "client": {"schemas"},
    # The sandbox plays the callers too, through the client that they would install (docs/decisions/0005).
    "sandbox": {"schemas", "untrusted", "signing", "adapters", "client"},
    "console": {"client"},
}

# Inside `gateway/`, left may not import right.
ORDER = [
    {"errors"},
    {"config", "db", "participants", "keys", "catalogue", "frauds", "shown", "entries"},
    {"blobs", "simulated", "acts"},
    {"state", "problems"},
    {"access"},
    {"params", "answers"},
    {"ledger", "trust", "seal_report"},
    {"schemes"},
    {"filing", "registries", "handover", "revocation", "completeness", "mappings", "erasure", "timestamps"},
    {"feed"},
    {"submissions", "premiums", "match", "oversight", "search", "inquiries", "delivery", "people"},
    {"cards"},
    {"replay", "receipts"},
    {"batches"},
    {"bundle"},
    {"audit"},
    {"worker", "published", "app"},
    {"openapi", "serve", "contract"},
    {"commands"},
    {"cli"},
]

# Third parties and the only places that may import them; the sandbox makes what the outside world makes with them.
LIVES_ONLY_IN = {
    "lxml": ("untrusted/", "adapters/", "signing/"),
    "zipfile": (),
    "cryptography": ("signing/", "sandbox/", "client/receipts.py"),
    "asn1crypto": ("signing/", "sandbox/"),
    "pyhanko": ("signing/", "sandbox/"),
    "pyhanko_certvalidator": ("signing/", "sandbox/"),
    "gmssl_pyx": ("signing/",),
    "ctypes": ("signing/sm2", "adapters/document_pdf.py"),  # libcrypto; and the buffers that pdfium's interface takes
    "fastapi": ("gateway/app.py", "gateway/params.py", "gateway/published.py", "gateway/serve.py", "*/routes.py"),
    "psycopg": ("gateway/db.py", "gateway/app.py", "*/store.py", "gateway/ledger/", "gateway/submissions/writer.py"),
    "httpx": (
        "gateway/access/provider.py",
        "gateway/delivery/send.py",
        "gateway/filing/sources/ask.py",
        "gateway/timestamps/asking.py",
        "gateway/ledger/asking.py",
    ),
    "pypdfium2": ("adapters/",),
    "PIL": ("gateway/seal_report/picture.py",),
    "reportlab": ("gateway/seal_report/pdf.py", "sandbox/"),
    "requests": ("client/", "sandbox/"),
    "rich": ("sandbox/",),
    "jinja2": ("console/",),
    "authlib": ("console/signin", "gateway/access/"),
    "joserfc": ("console/signin", "gateway/access/"),
    "argon2": ("gateway/access/", "sandbox/"),
    "obstore": ("gateway/blobs/",),
    "pkcs11": ("signing/pkcs11.py",),
    "http_message_signatures": ("client/", "sandbox/"),
}


def _modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def _imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_what_the_table_allows(package: str) -> None:
    ours = set(MAY_IMPORT)
    for file in _modules(package):
        for name in _imports(file):
            top = name.split(".")[0]
            if top in ours and top != package:
                assert top in MAY_IMPORT[package], f"{file.relative_to(ROOT)} imports {name}"


def test_inside_the_gateway_left_does_not_import_right() -> None:
    place = {name: number for number, names in enumerate(ORDER) for name in names}
    for file in _modules("gateway"):
        parts = file.relative_to(ROOT / "gateway").with_suffix("").parts
        own = parts[0]
        if own in ("__init__", "migrations"):
            continue
        assert own in place, f"gateway/{own} has no place in the order"
        for name in _imports(file):
            pieces = name.split(".")
            if pieces[0] != "gateway" or len(pieces) < 2 or pieces[1] == own:
                continue
            other = pieces[1]
            assert place[other] <= place[own], f"{file.relative_to(ROOT)} imports {name}"
            same_slice_row = place[other] == place[own] and (ROOT / "gateway" / own).is_dir()
            assert not same_slice_row, f"{file.relative_to(ROOT)}: slices do not import each other ({name})"


@pytest.mark.parametrize("library", sorted(LIVES_ONLY_IN))
def test_a_third_party_lives_only_where_it_belongs(library: str) -> None:
    allowed = LIVES_ONLY_IN[library]
    for package in MAY_IMPORT:
        for file in _modules(package):
            if library not in {name.split(".")[0] for name in _imports(file)}:
                continue
            path = str(file.relative_to(ROOT))
            assert any(
                path.startswith(place) or (place.startswith("*") and path.endswith(place[1:])) for place in allowed
            ), f"{path} imports {library}"


def test_only_routes_know_http_inside_a_slice() -> None:
    told = ("ledger", "filing", "mappings", "submissions", "premiums", "feed", "completeness", "delivery", "match")
    told += ("registries", "handover")
    for slice_name in told:
        for file in _modules(f"gateway/{slice_name}"):
            names = {name.split(".")[0] for name in _imports(file)}
            if file.name != "routes.py":
                assert not names & {"fastapi", "starlette"}, f"{file.relative_to(ROOT)} knows HTTP"


def test_the_judge_has_no_network_no_clock_and_no_settings() -> None:
    forbidden = {"socket", "http", "urllib", "requests", "httpx", "os", "time", "subprocess"}
    for file in _modules("signing"):
        names = _imports(file)
        used = {name for name in names if name.split(".")[0] in forbidden} - {
            "urllib.parse",
            "urllib.parse.quote",
            "urllib.parse.unquote_to_bytes",
            "urllib.parse.urlsplit",
        }
        assert not used, f"{file.relative_to(ROOT)} imports {sorted(used)}"
        assert "datetime.now" not in file.read_text(encoding="utf-8"), f"{file.relative_to(ROOT)} reads the clock"


def test_the_calculation_of_subsidies_knows_nothing_but_the_nouns() -> None:
    allowed = {"schemas", "gateway", "pydantic"} | sys.stdlib_module_names
    forbidden = {"socket", "http", "urllib", "os", "time", "subprocess", "random"}
    for file in _modules("gateway/schemes"):
        names = _imports(file)
        tops = {name.split(".")[0] for name in names}
        assert tops <= allowed, f"{file.relative_to(ROOT)} imports {sorted(tops - allowed)}"
        assert not tops & forbidden, f"{file.relative_to(ROOT)} imports {sorted(tops & forbidden)}"
        ours = {name for name in names if name.startswith("gateway")}
        assert all(name.startswith("gateway.schemes") for name in ours), f"{file.relative_to(ROOT)} imports {ours}"
        text = file.read_text(encoding="utf-8")
        assert ".now(" not in text, f"{file.relative_to(ROOT)} reads the clock"
        assert ".today(" not in text, f"{file.relative_to(ROOT)} reads the clock"
