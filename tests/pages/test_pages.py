"""What pages show is what happened, safely written, in either language, without scripts."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from domain.instants import DAY
from tests.pages.conftest import Shop

pytestmark = pytest.mark.anyio

HOSTILE = "<script>alert('x')</script>\"'&"
COMPANIES = """
model: companies
subject: account
initial: known
stages: [{id: known}, {id: active}]
transitions: [{id: starts, from: known, to: active, on: login}]
"""
VOID = {"meta", "link", "input", "img", "br", "hr"}


class Outline(HTMLParser):
    """Reads a page strictly: every element is closed where it must be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        """The text of the page, blanks put together."""
        return re.sub(r"\s+", " ", " ".join(self.text))


async def _lively(shop: Shop) -> None:
    await shop.did("page_viewed", "ann", 90)
    await shop.did("Order Completed", "ann", 54, amount=1_200)
    await shop.did("page_viewed", "bob", 10)
    await shop.did("order_completed", "cid", 100)
    await shop.did("order_completed", "cid", 5)


async def test_a_board_without_customers_says_how_the_first_one_comes(shop: Shop) -> None:
    page = Outline(await shop.page("/"))

    assert "Nothing has happened yet" in page.words
    assert "/v1/events" in page.words


async def test_the_board_shows_the_figures_of_the_api(shop: Shop) -> None:
    await _lively(shop)
    headers = {"Authorization": "Bearer a-bootstrap-key-for-tests-that-opens-nothing-else"}
    answer = (await shop.client.get("/v1/models/shop/board", headers=headers)).json()

    page = Outline(await shop.page("/?model=shop")).words

    told = [(each["stage"], each["count"]) for each in answer["stages"]]
    assert told == [("visitor", 1), ("buyer", 2), ("dormant", 0)]
    assert "Visitor 1 33% median 10 d" in page
    assert "Buyer 2 67% median 29 d" in page
    assert "Dormant Stopped 0 0% Nobody is here" in page
    assert "3 customers" in page


async def test_the_bar_gives_each_stage_its_share_of_the_width(shop: Shop) -> None:
    await _lively(shop)

    page = await shop.page("/")

    parts = re.findall(r'<rect class="tone-[^"]+" x="([\d.]+)" y="0" width="([\d.]+)"', page)
    assert parts == [("0.0", "333.33"), ("333.33", "666.67")]
    assert 'aria-label="Visitor 33%, Buyer 67%, Dormant 0%"' in page


async def test_a_card_counts_down_to_what_comes_next(shop: Shop) -> None:
    await _lively(shop)

    page = Outline(await shop.page("/")).words

    assert "ann 54 d ago → Dormant in 6 d" in page
    assert "cid Cycle 2 5 d ago → Dormant in 55 d" in page


async def test_the_board_of_another_date_is_counted_from_history(shop: Shop) -> None:
    await _lively(shop)

    page = Outline(await shop.page("/?as_of=2026-02-10")).words
    ahead = Outline(await shop.page("/?as_of=2026-12-01")).words

    assert "As it was on 10 Feb 2026 00:00" in page
    assert "Visitor 0 0%" in page
    assert "Dormant Stopped 1 50%" in page
    assert "As it will be on 1 Dec 2026 00:00, if nothing happens" in ahead
    assert "Dormant Stopped 2 67%" in ahead


async def test_a_date_that_is_none_shows_the_present_and_says_so(shop: Shop) -> None:
    page = Outline(await shop.page("/?as_of=soon")).words

    assert "“soon” is not a date; this is the present." in page


async def test_a_customer_page_tells_why_and_what_next(shop: Shop) -> None:
    await _lively(shop)

    page = Outline(await shop.page("/customers/ann?model=shop")).words

    assert "Buyer Since 7 Jan 2026 · 54 d · from Visitor" in page
    assert "Why Order completed arrived Rule first-order" in page
    assert "Dormant on 8 Mar 2026, if nothing happens" in page
    assert "silence → Dormant due 8 Mar 2026 09:30" in page
    assert "last_order 2026-01-07T09:30:00Z" in page


async def test_the_story_tells_events_with_what_became_of_them(shop: Shop) -> None:
    await _lively(shop)

    page = Outline(await shop.page("/customers/ann")).words

    assert "54 d of silence 7 Jan 2026" in page
    assert "Order completed amount 1200" in page
    assert "Visitor → Buyer first-order" in page
    assert "Alert A big order" in page
    assert "36 d of silence" in page
    assert page.index("Order completed amount") < page.index("Page viewed")


async def test_what_time_alone_brought_is_told_before_any_sweep(shop: Shop) -> None:
    await _lively(shop)
    shop.clock.instant += 7 * DAY
    await shop.sign_in()

    page = Outline(await shop.page("/customers/ann")).words

    assert "Dormant Since 8 Mar 2026" in page
    assert "time passed Buyer → Dormant silence" in page


async def test_personas_and_cycles_are_shown(shop: Shop) -> None:
    await _lively(shop)

    page = Outline(await shop.page("/customers/cid")).words

    assert "Regular guest" in page
    assert "Buyer Cycle 2" in page


async def test_a_company_goes_by_its_own_name_and_its_story_names_the_members(shop: Shop) -> None:
    draft = shop.services.catalogue.read(COMPANIES.encode(), "application/yaml")
    version = await shop.services.catalogue.put(draft, tenant="default", author="test")
    await shop.services.catalogue.activate_and_wait(version)
    event: dict[str, object] = {"type": "login", "customer_id": "ann", "account_id": "acme"}
    traits = {"name": "Ann Elderglen", "company": "Elderglen Works"}
    await shop.send({**event, "type": "$identify", "traits": traits})
    await shop.send(event)

    page = Outline(await shop.page("/accounts/acme"))

    assert "Company acme Elderglen Works" in page.words
    assert "Signed in ann" in page.words
    assert ("href", "/customers/ann") in page.attributes


async def test_the_board_of_a_model_of_companies_shows_companies(shop: Shop) -> None:
    draft = shop.services.catalogue.read(COMPANIES.encode(), "application/yaml")
    version = await shop.services.catalogue.put(draft, tenant="default", author="test")
    await shop.services.catalogue.activate_and_wait(version)
    await shop.send({"type": "login", "customer_id": "ann", "account_id": "acme"})

    board = Outline(await shop.page(f"/?model={version.model}"))

    assert ("href", f"/accounts/acme?model={version.model}") in board.attributes


async def test_the_board_draws_how_its_model_works(shop: Shop) -> None:
    page = Outline(await shop.page("/"))

    assert "svg" in page.tags
    assert "How this model works" in page.words
    assert "Visitor → Buyer: first-order (order_completed)" in page.words


@pytest.mark.parametrize("path", ["/", "/customers?model=shop", "/customers/ann", "/login"])
async def test_pages_speak_japanese(shop: Shop, path: str) -> None:
    await _lively(shop)

    page = await shop.page(path, **{"Accept-Language": "ja"})

    assert '<html lang="ja">' in page
    assert "English" in Outline(page).words
    assert re.search("[぀-ヿ]", page)


async def test_a_chosen_language_stays_chosen(shop: Shop) -> None:
    await shop.page("/?lang=ja")

    page = await shop.page("/", **{"Accept-Language": "en"})

    assert '<html lang="ja">' in page


async def test_hostile_names_and_properties_stay_text(shop: Shop) -> None:
    await shop.did("$identify", HOSTILE, 3, traits={"name": HOSTILE, HOSTILE: HOSTILE})
    await shop.did(HOSTILE, HOSTILE, 2, **{HOSTILE: HOSTILE})
    await shop.did("order_completed", HOSTILE, 1, amount=9_999)
    address = (await shop.page("/")).split('class="card" href="')[1].split('"')[0]

    for path in ("/", "/customers?model=shop", address.replace("&amp;", "&")):
        page = await shop.page(path)
        outline = Outline(page)
        assert "<script>alert" not in page
        assert outline.tags.count("script") == 1
        assert not [name for name, _ in outline.attributes if name.startswith("on")]
        assert "alert('x')" in outline.words


@pytest.mark.parametrize(
    "customer", ["a/b", "a?b=c", "a#b", "%2F", "日本 太郎", "a&b;c", "v:1", "..a"]
)
async def test_any_customer_id_leads_to_its_page(shop: Shop, customer: str) -> None:
    await shop.did("page_viewed", customer, 1)
    board = await shop.page("/")

    address = board.split('class="card" href="')[1].split('"')[0].replace("&amp;", "&")

    page = await shop.page(address)
    switch = page.split('hreflang="ja"')[0].rsplit('href="', 1)[1].split('"')[0]

    assert "Page viewed" in Outline(page).words
    assert "ページ閲覧" in Outline(await shop.page(switch.replace("&amp;", "&"))).words


async def test_pages_need_no_inline_script_or_style(shop: Shop) -> None:
    await _lively(shop)

    for path in ("/", "/customers/ann", "/customers?model=shop", "/login"):
        page = await shop.page(path)
        names = {name for name, _ in Outline(page).attributes}
        assert "style" not in names
        assert "<style" not in page
        assert re.findall(r"<script(?! type=\"module\" src=\"/static/)", page) == []


async def test_the_policy_allows_only_our_own_files(shop: Shop) -> None:
    answer = await shop.client.get("/")

    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


async def test_search_leads_to_the_customer_or_lists_the_namesakes(shop: Shop) -> None:
    for customer in ("x1", "x2"):
        await shop.did("$identify", customer, 3, traits={"name": "Iris Elderglen"})

    by_id = await shop.client.get("/customers", params={"q": "x2"})
    by_name = await shop.page("/customers?q=Iris+Elderglen")
    by_nothing = await shop.page("/customers?q=nobody")

    assert (by_id.status_code, by_id.headers["location"]) == (303, "/customers/x2")
    assert {"x1", "x2"} <= set(Outline(by_name).words.split())
    assert "Nobody found" in Outline(by_nothing).words


async def test_a_long_list_goes_on_where_it_ended(shop: Shop) -> None:
    for number in range(60):
        await shop.did("page_viewed", f"v{number:02}", 1 + number / 100)

    first = await shop.page("/customers?model=shop&stage=visitor")
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = await shop.page(following)

    seen = [re.findall(r">(v\d\d)</a>", page) for page in (first, second)]
    assert [len(each) for each in seen] == [50, 10]
    assert len({*seen[0], *seen[1]}) == 60


async def test_a_cursor_of_another_list_leads_to_the_beginning(shop: Shop) -> None:
    answer = await shop.client.get("/customers?model=shop&cursor=forged")

    assert (answer.status_code, answer.headers["location"]) == (303, "/customers")


@pytest.mark.parametrize(
    "path", ["/customers/nobody", "/accounts/nobody", "/?model=nothing", "/customers?model=nothing"]
)
async def test_what_is_not_there_is_answered_kindly(shop: Shop, path: str) -> None:
    answer = await shop.client.get(path)

    assert answer.status_code == 404
    assert "Check the spelling" in Outline(answer.text).words


async def test_static_files_are_kept_for_as_long_as_they_stay_the_same(shop: Shop) -> None:
    page = await shop.page("/")
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]

    named = await shop.client.get(address)
    unnamed = await shop.client.get(address.partition("?")[0])
    again = await shop.client.get(address, headers={"If-None-Match": named.headers["etag"]})

    assert "immutable" in named.headers["cache-control"]
    assert unnamed.headers["cache-control"] == "no-cache"
    assert again.status_code == 304
    assert (await shop.client.get("/static/routes.py")).status_code == 404
