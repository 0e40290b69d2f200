"""The page for authors of models shows models that are whole, and names every finding there is."""

import re
from typing import Final

import pytest

from domain.check import check_document
from service.modelling.model_files import load_ready_models, read_model_text
from tests.architecture.documents import Block, blocks
from tests.architecture.tree import ROOT

PAGE: Final = ROOT / "docs" / "models.md"
MODELS: Final = [block for block in blocks(PAGE) if "model" in block.words]


@pytest.mark.parametrize("block", MODELS, ids=lambda block: block.name)
def test_a_model_on_the_page_has_nothing_wrong_with_it(block: Block) -> None:
    model, findings = check_document(read_model_text(block.text, block.language))

    assert model is not None
    assert findings == ()


def test_every_ready_made_model_is_on_the_page() -> None:
    named = set(
        re.findall(r"^\| `([a-z0-9-]+)` \| ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )

    assert set(load_ready_models()) <= named


def test_every_finding_is_on_the_page() -> None:
    """A code is written once in the source of the check; the page explains it."""
    sources = (ROOT / "domain" / "check").glob("*.py")
    codes = {
        code
        for source in sources
        for code in re.findall(
            r'(?:error|warning|Finding)\([^()]*?"([a-z]+(?:_[a-z]+)+)"',
            source.read_text(encoding="utf-8"),
        )
    }

    text = PAGE.read_text(encoding="utf-8")

    assert len(codes) >= 12
    assert not {code for code in codes if f"`{code}`" not in text}
