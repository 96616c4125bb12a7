"""The integrity list OFDEntries.xml (GM/T 0099): which entries a package has, under a plain signature.

It adds to the signatures and never replaces them: a document that has only this list is not signed.
"""

from schemas.verification import Check, Outcome, failed, passed
from signing.checks import integrity
from signing.containers.cms import read_signed_data
from signing.containers.der import NotAsExpected
from signing.containers.ofd_package import BadPart, BadPath, Package, children, only, resolve, text_of

ENTRY_LIST = "OFDEntries.xml"
_RULE = "document.entry-list"


def check_entry_list(package: Package, later: set[str]) -> Check:
    """The list is signed and names exactly the entries of the package.

    `later` are the entries of signatures, which may have been added after the list. Who signed the list is not asked:
    it proves only that nobody changed it by accident.
    """
    try:
        root = package.part(ENTRY_LIST, "DocEntries")
        location = only(root, "SignedValueLoc")
        value = resolve(package, text_of(location), ENTRY_LIST) if location is not None else None
        files = only(root, "FileList")
        listed = [
            resolve(package, element.get("FileLoc", ""), ENTRY_LIST)
            for element in (children(files, "File") if files is not None else ())
        ]
        if value is None:
            return failed(_RULE, "entry-list-unsigned")
        seal = read_signed_data(package.read(value))
    except (BadPart, BadPath, NotAsExpected) as error:
        return failed(_RULE, "entry-list-malformed", detail=str(error)[:200])
    content = package.read(ENTRY_LIST)
    for check in (
        integrity.check_format(seal),
        integrity.check_method(seal, None, in_ofd=False),
        integrity.check_data_hash(seal, content),
        integrity.check_value(seal, content),
    ):
        if check is not None and check.outcome is not Outcome.PASSED:
            return failed(_RULE, "entry-list-not-signed", because=check.rule, why=check.reason)
    present = package.files - {ENTRY_LIST, value}
    differing = sorted((present - later) ^ (set(listed) - later))
    if differing or len(listed) != len(set(listed)):
        return failed(_RULE, "entries-differ", parts=differing[:20])
    return passed(_RULE, entries=len(listed))
