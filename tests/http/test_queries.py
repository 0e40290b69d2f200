"""What can be asked: where a customer stands, why, what comes next, then and now."""

from __future__ import annotations

import pytest

from tests.http.conftest import Api, did

pytestmark = pytest.mark.anyio

ORDERED = "2026-02-20T00:00:00Z"


@pytest.fixture
async def told(api: Api) -> Api:
    """Return the API after Ann ordered and Bob looked around."""
    await api.send(
        {**did("ordered", "ann", ORDERED, amount=600), "id": "o-1"},
        {**did("seen", "bob", "2026-02-25T00:00:00Z"), "anonymous_id": "a-1", "id": "s-1"},
        {
            "type": "$identify",
            "customer_id": "ann",
            "occurred_at": "2026-02-21T00:00:00Z",
            "traits": {"plan": "pro", "seats": 18446744073709551617},
        },
    )
    return api


async def test_a_customer_tells_stage_cause_and_what_comes_next(told: Api) -> None:
    answer = await told.get("/v1/customers/ann")

    found = answer.json()
    (standing,) = found["stages"]
    assert (found["id"], found["first_seen_at"]) == ("ann", ORDERED)
    assert found["last_event_at"] == "2026-02-21T00:00:00Z"
    assert found["traits"] == {"plan": "pro", "seats": 18446744073709551617}
    assert (standing["stage"], standing["previous"], standing["sequence"]) == (
        "customer",
        "visitor",
        2,
    )
    assert standing["cause"]["kind"] == "event"
    assert (standing["cause"]["rule"], standing["cause"]["event_id"]) == ("first-order", "o-1")
    assert standing["next"] == {
        "stage": "dormant",
        "at": "2026-03-22T00:00:00Z",
        "rule": "silence",
    }
    assert standing["signals"] == {"orders": 1, "spent": 600.0, "last_order": ORDERED}
    assert standing["personas"] == ["big-spender"]
    assert answer.headers["ETag"] == '"2-1"'
    assert answer.headers["Stagefold-Position"] == "3"


async def test_a_reader_does_not_wait_for_the_sweeper(told: Api) -> None:
    """Silence is dated when it fell due, though nothing has been written since."""
    told.clock.turn(days=60)

    found = (await told.get("/v1/customers/ann")).json()["stages"][0]
    records = (await told.get("/v1/customers/ann/transitions")).json()["data"]

    assert (found["stage"], found["entered_at"]) == ("dormant", "2026-03-22T00:00:00Z")
    assert found["cause"]["kind"] == "deadline"
    assert [each["to"] for each in records] == ["visitor", "customer", "dormant"]
    assert [each["sequence"] for each in records] == [1, 2, 3]


async def test_swept_or_not_the_records_are_the_same(told: Api) -> None:
    told.clock.turn(days=60)
    pending = (await told.get("/v1/customers/ann/transitions")).json()["data"][-1]

    await told.services.store.sweep(told.clock.now())

    written = (await told.get("/v1/customers/ann/transitions")).json()["data"][-1]
    assert {**written, "recorded_at": 0} == {**pending, "recorded_at": 0}


async def test_any_date_can_be_asked_for(told: Api) -> None:
    before = await told.get("/v1/customers/ann", params={"as_of": "2026-02-19"})
    then = await told.get("/v1/customers/ann", params={"as_of": ORDERED})
    later = await told.get("/v1/customers/ann", params={"as_of": "2026-06-01T02:00:00+02:00"})

    assert (before.json()["stages"], before.json()["traits"]) == ([], {})
    assert then.json()["stages"][0]["stage"] == "customer"
    assert (then.json()["traits"], then.json()["events"]) == ({}, 1)
    assert later.json()["stages"][0]["stage"] == "dormant"
    assert later.json()["traits"]["plan"] == "pro"


async def test_what_was_known_then_can_be_asked_for(told: Api) -> None:
    told.clock.turn(days=1)
    await told.send(did("ordered", "ann", "2026-02-22T00:00:00Z", amount=1))

    known = await told.get("/v1/customers/ann", params={"known_at": "3"})
    known_by_time = await told.get("/v1/customers/ann", params={"known_at": "2026-03-02"})
    now = await told.get("/v1/customers/ann")

    assert known.json()["stages"][0]["signals"]["orders"] == 1
    assert known_by_time.json()["stages"] == known.json()["stages"]
    assert now.json()["stages"][0]["signals"]["orders"] == 2


async def test_nothing_new_is_answered_with_304(told: Api) -> None:
    tag = (await told.get("/v1/customers/ann")).headers["ETag"]

    same = await told.get("/v1/customers/ann", headers={"If-None-Match": f'"x", {tag}'})
    other = await told.get("/v1/customers/ann", headers={"If-None-Match": '"0-1"'})

    assert (same.status_code, same.content) == (304, b"")
    assert other.status_code == 200


async def test_own_writes_are_read(told: Api) -> None:
    level = await told.get("/v1/customers/ann", params={"min_position": "3"})
    ahead = await told.get("/v1/customers/ann", params={"min_position": "4", "wait": "PT0S"})

    assert level.status_code == 200
    assert (ahead.status_code, ahead.json()["code"]) == (503, "projection_behind")
    assert ahead.headers["Retry-After"] == "1"


async def test_records_are_in_order_of_sequence_with_evidence(told: Api) -> None:
    answer = await told.get("/v1/customers/ann/transitions", params={"model": "shop"})

    first, second = answer.json()["data"]
    assert (first["from"], first["to"], first["sequence"]) == (None, "visitor", 1)
    assert (second["from"], second["to"], second["direction"]) == ("visitor", "customer", "forward")
    assert second["time_in_previous_seconds"] == 0
    assert second["retracted_at"] is None
    assert second["id"].startswith("tr_")


async def test_what_no_longer_holds_is_shown_when_asked_for(told: Api) -> None:
    await told.send(
        {
            "type": "$void",
            "customer_id": "ann",
            "properties": {"event_id": "o-1", "reason": "refunded"},
        }
    )

    usual = (await told.get("/v1/customers/ann/transitions")).json()["data"]
    whole = (
        await told.get("/v1/customers/ann/transitions", params={"include": "retracted"})
    ).json()["data"]

    assert [each["to"] for each in usual] == ["visitor"]
    assert {each["to"] for each in whole if each["retracted_at"] is not None} >= {"customer"}


async def test_lists_are_paged_without_gap_or_repeat(told: Api) -> None:
    await told.send(*(did("seen", f"c{number:02d}") for number in range(25)))
    whole = [each["id"] for each in (await told.get("/v1/customers?limit=500")).json()["data"]]

    pages, cursor = [], None
    for _ in range(10):
        query = {"limit": "7"} | ({"cursor": cursor} if cursor else {})
        page = (await told.get("/v1/customers", params=query)).json()
        pages += [each["id"] for each in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break

    assert pages == whole
    assert len(set(pages)) == 27


async def test_customers_are_found_by_stage_time_and_trait(told: Api) -> None:
    async def ids(**query: str) -> list[str]:
        answer = await told.get("/v1/customers", params=query)
        assert answer.status_code == 200, answer.text
        return [each["id"] for each in answer.json()["data"]]

    assert await ids(model="shop", stage="customer") == ["ann"]
    assert await ids(model="shop", stage="customer,visitor", sort="-entered_at") == ["bob", "ann"]
    assert await ids(model="shop", entered_before="2026-02-22") == ["ann"]
    assert await ids(model="shop", entered_after="2026-02-22") == ["bob"]
    assert await ids(model="shop", in_stage_for="P7D") == ["ann"]
    assert await ids(**{"trait.plan": "pro"}) == ["ann"]
    assert await ids(**{"trait.plan": "free"}) == []


async def test_fields_narrow_the_lines_of_a_list(told: Api) -> None:
    answer = await told.get("/v1/customers", params={"fields": "id,last_event_at", "limit": "1"})

    assert list(answer.json()["data"][0]) == ["id", "last_event_at"]
    assert 'rel="next"' in answer.headers["Link"]


BAD_QUERIES = [
    ("/v1/customers?colour=red", "unknown_parameter"),
    ("/v1/customers/ann?modell=shop", "unknown_parameter"),
    ("/v1/customers?limit=0", "bad_parameter"),
    ("/v1/customers?limit=501", "bad_parameter"),
    ("/v1/customers?limit=x", "bad_parameter"),
    ("/v1/customers?limit=1&limit=2", "bad_parameter"),
    ("/v1/customers?stage=customer", "bad_parameter"),
    ("/v1/customers?model=shop&stage=nowhere", "bad_parameter"),
    ("/v1/customers?model=shop&in_stage_for=soon", "bad_parameter"),
    ("/v1/customers?sort=name", "bad_parameter"),
    ("/v1/customers?sort=entered_at", "bad_parameter"),
    ("/v1/customers?fields=secret", "bad_parameter"),
    ("/v1/customers/ann?as_of=yesterday", "bad_parameter"),
    ("/v1/customers/ann?as_of=2026-02-30", "bad_parameter"),
    ("/v1/customers/ann?known_at=-1", "bad_parameter"),
    ("/v1/customers/ann?min_position=-1", "bad_parameter"),
    ("/v1/customers/ann?min_position=99&wait=1y", "bad_parameter"),
    ("/v1/customers/ann/transitions?include=all", "bad_parameter"),
    ("/v1/transitions?after=-1", "bad_parameter"),
    ("/v1/customers/a%00b", "bad_parameter"),
    ("/v1/customers?trait.a=%00", "bad_parameter"),
    ("/v1/customers?cursor=x", "cursor_invalid"),
    ("/v1/customers?cursor=%C3%A9", "cursor_invalid"),
    ("/v1/customers?cursor=", "cursor_invalid"),
]


@pytest.mark.parametrize(("path", "code"), BAD_QUERIES)
async def test_a_bad_question_is_refused(told: Api, path: str, code: str) -> None:
    answer = await told.get(path)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_a_cursor_belongs_to_its_list(told: Api) -> None:
    cursor = (await told.get("/v1/customers?limit=1")).json()["next_cursor"]
    forged = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")

    elsewhere = await told.get("/v1/customers", params={"cursor": cursor, "trait.plan": "pro"})
    changed = await told.get("/v1/customers", params={"cursor": forged})

    assert elsewhere.json()["code"] == "cursor_mismatch"
    assert changed.json()["code"] == "cursor_invalid"


UNKNOWN = [
    ("/v1/customers/nobody", "customer_not_found"),
    ("/v1/accounts/nobody", "account_not_found"),
    ("/v1/customers/ann?model=none", "model_not_found"),
    ("/v1/customers?model=none", "model_not_found"),
    ("/v1/events/none", "event_not_found"),
    ("/v1/models/none", "model_not_found"),
    ("/v1/models/none/board", "model_not_found"),
    ("/v1/models/shop/versions/9", "model_not_found"),
    ("/v1/rebuilds/none", "rebuild_not_found"),
    ("/v1/nothing", "not_found"),
    ("/problems/none", "not_found"),
]


@pytest.mark.parametrize(("path", "code"), UNKNOWN)
async def test_what_does_not_exist_is_404(told: Api, path: str, code: str) -> None:
    answer = await told.get(path)

    assert (answer.status_code, answer.json()["code"]) == (404, code)


async def test_a_wrong_method_names_the_right_ones(api: Api) -> None:
    one = await api.client.patch("/v1/models/shop")
    other = await api.client.put("/v1/customers/a/b/transitions")

    assert (one.status_code, one.json()["code"]) == (405, "method_not_allowed")
    assert one.headers["Allow"] == "GET, PUT"
    assert other.headers["Allow"] == "DELETE, GET, POST"


async def test_events_come_back_as_sent_in_the_order_of_the_fold(told: Api) -> None:
    await told.send(did("seen", "ann", "2026-02-19T00:00:00Z"))

    answer = await told.get("/v1/customers/ann/events")
    newest = await told.get("/v1/customers/ann/events", params={"order": "newest", "limit": "1"})

    assert [each["position"] for each in answer.json()["data"]] == [4, 1, 3]
    assert answer.json()["data"][0]["late"] is True
    assert newest.json()["data"][0]["position"] == 3


async def test_a_timeline_tells_everything_once_newest_first(told: Api) -> None:
    told.clock.turn(days=60)
    whole = (await told.get("/v1/customers/ann/timeline?limit=500")).json()["data"]

    told_so_far, cursor = [], None
    for _ in range(10):
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await told.get("/v1/customers/ann/timeline", params=query)).json()
        told_so_far += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert told_so_far == whole
    assert [each["entry"] for each in whole] == [
        "transition",
        "event",
        "transition",
        "transition",
        "event",
    ]
    assert [each["at"] for each in whole] == sorted((each["at"] for each in whole), reverse=True)


@pytest.mark.parametrize("limit", [1, 3, 7])
async def test_a_long_timeline_is_told_in_parts_without_gap_or_repeat(api: Api, limit: int) -> None:
    await api.send(
        *(
            did("ordered" if day % 5 == 0 else "seen", "ann", f"2026-02-{day:02d}T00:00:00Z")
            for day in range(1, 27)
        )
    )
    whole = (await api.get("/v1/customers/ann/timeline?limit=500")).json()["data"]

    parts: list[object] = []
    query = {"limit": str(limit)}
    for _ in range(len(whole)):
        page = (await api.get("/v1/customers/ann/timeline", params=query)).json()
        parts += page["data"]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]

    assert parts == whole
    assert len(whole) == 26 + 3


async def test_an_explanation_names_each_rule_and_why(told: Api) -> None:
    answer = await told.get("/v1/customers/ann/explain", params={"model": "shop"})

    found = answer.json()
    rules = {each["rule"]: each for each in found["rules"]}
    assert found["stage"] == "customer"
    assert (rules["third-order"]["matched"], rules["silence"]["matched"]) == (False, False)
    assert rules["third-order"]["clauses"][0]["reads"] == {"signals.orders": 1}
    assert rules["silence"]["due_at"] == "2026-03-22T00:00:00Z"


async def test_the_board_counts_at_any_date(told: Api) -> None:
    def counts(answer: dict[str, list[dict[str, object]]]) -> dict[object, object]:
        return {each["stage"]: each["count"] for each in answer["stages"]}

    now = (await told.get("/v1/models/shop/board")).json()
    then = (await told.get("/v1/models/shop/board?as_of=2026-02-22")).json()
    later = (await told.get("/v1/models/shop/board?as_of=2026-06-01")).json()

    assert counts(now) == {"visitor": 1, "customer": 1, "loyal": 0, "dormant": 0}
    assert (now["total"], then["total"]) == (2, 1)
    assert counts(later)["dormant"] == 1
    assert now["stages"][1]["median_seconds_in_stage"] == 10 * 86_400


async def test_the_feed_is_dense_and_resumes(told: Api) -> None:
    first = (await told.get("/v1/transitions?limit=2")).json()
    rest = (await told.get(f"/v1/transitions?after={first['next_after']}")).json()
    nothing = (await told.get(f"/v1/transitions?after={rest['next_after']}")).json()

    positions = [each["position"] for each in first["data"] + rest["data"]]
    assert positions == list(range(1, len(positions) + 1))
    assert (first["has_more"], rest["has_more"]) == (True, False)
    assert (nothing["data"], nothing["next_after"]) == ([], rest["next_after"])


async def test_the_log_can_be_read_by_type(told: Api) -> None:
    answer = await told.get("/v1/events", params={"type": "seen"})
    types = await told.get("/v1/event-types")

    assert [each["id"] for each in answer.json()["data"]] == ["s-1"]
    assert {each["type"]: each["count"] for each in types.json()["data"]}["seen"] == 1


async def test_an_anonymous_name_leads_to_its_customer(told: Api) -> None:
    by_alias = await told.get("/v1/customers/anon:a-1")

    assert by_alias.json()["id"] == "bob"
    assert by_alias.json()["aliases"] == ["anon:a-1"]


@pytest.mark.parametrize(
    "name", ["a/b", "a b", "ü", "a?b#c", "..", "100%", "anon", "a/transitions/x"]
)
async def test_any_id_can_be_asked_for(api: Api, name: str) -> None:
    await api.send(did("seen", name))
    quoted = "".join(f"%{octet:02X}" for octet in name.encode())

    answer = await api.get(f"/v1/customers/{quoted}")

    assert answer.json().get("id") == name
