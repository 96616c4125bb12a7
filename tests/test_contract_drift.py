"""What is generated and committed is what the code says now: a changed promise shows in the diff."""

from gateway import contract
from schemas import generate


def test_openapi_and_docs_are_as_the_code_says() -> None:
    for name, text in contract.generated().items():
        assert (contract.ROOT / name).read_text(encoding="utf-8") == text, f"{name}: run `make contract`"


def test_the_json_schemas_are_as_the_models_say() -> None:
    files = generate.generated()
    for name, text in files.items():
        assert (generate.FOLDER / name).read_text(encoding="utf-8") == text, f"{name}: run `make contract`"
    assert {file.name for file in generate.FOLDER.glob("*.json")} == set(files)


def test_xsd_template_and_dictionary_are_as_the_models_say() -> None:
    for name, content in generate.other_forms().items():
        assert (generate.ROOT / name).read_bytes() == content, f"{name}: run `make contract`"
