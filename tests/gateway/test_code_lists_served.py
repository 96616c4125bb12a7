"""Code lists over HTTP, and where the house reads by them."""

from house import world
from service import Service, serve
from test_schemes_keys import Q, found, policy, receipt

from gateway.filing.push import names_of
from gateway.participants import Participant
from schemas.codes import code_list, names


def test_code_lists_are_served_as_they_stood_on_a_day(dsn: str) -> None:
    async def work(service: Service) -> None:
        listed = (await service.send("GET", "/v1/code-lists", b"", {})).json()["code_lists"]
        assert [one["name"] for one in listed] == [*names(), "holidays"]
        for one in listed:
            whole = (await service.send("GET", f"/v1/code-lists/{one['name']}", b"", {})).json()
            assert whole["digest"] == one["digest"]
        then = (await service.send("GET", "/v1/code-lists/regions?on=2021-04-01", b"", {})).json()
        standings = {one["code"]: one["standing"] for one in then["codes"]}
        assert (standings["330104"], standings["330106"], standings["331021"]) == ("unknown", "valid", "ended")
        assert (then["on"], then["complete"]) == ("2021-04-01", True)
        holidays = (await service.send("GET", "/v1/code-lists/holidays", b"", {})).json()
        assert {"year": 2027} in holidays["unpublished"]
        assert (await service.send("GET", "/v1/code-lists/nothing", b"", {})).status == 404
        assert (await service.send("GET", "/v1/code-lists/regions?on=tomorrow", b"", {})).status == 400

    serve(dsn, work)


def test_a_region_that_never_was_is_no_place() -> None:
    assert found([policy({"policyholder.region": "339999"}), receipt()])["R-ZJ-01"] == (Q, "region-not-listed")
    # An abolished code is still a code of the province.
    assert "R-ZJ-01" not in found([policy({"policyholder.region": "330103"}), receipt()])


def test_a_registry_may_call_an_insurer_by_its_short_or_former_name() -> None:
    own = world().insurer("SANDBOX-A")
    given = {"role": "insurer", "credit_code": own.credit_code, "dialect": "DIA-CANON-JSON"}
    picc = Participant(code="OUR-PICC", name="人保财险总公司", company_code="000002", **given)
    # An operator's own word goes before the list's.
    odd = Participant(code="ODD", name="人保", company_code="000901", **given)
    found_names = names_of([picc, odd])
    assert found_names["中国人民财产保险股份有限公司"] == found_names["人保财险"] == found_names["000002"] == "OUR-PICC"
    assert found_names["人保"] == "ODD"
    assert "平安产险" not in found_names
    assert code_list("insurers").complete is False
