import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_risk.core.sentence import Sentence, chinese
from geo_risk.products.wording import note


@given(st.text(), st.text())
def test_a_sentence_is_its_english_and_carries_its_chinese(english, in_chinese):
    said = Sentence(english, in_chinese)
    assert said == english
    assert chinese(said) == in_chinese
    assert json.loads(json.dumps([said])) == [english]
    again = pickle.loads(pickle.dumps(said))
    assert (again, chinese(again)) == (english, in_chinese)


def test_plain_text_has_no_chinese_of_its_own():
    assert chinese("a.gpkg") == "a.gpkg"
    assert chinese(f"roads: {Sentence('read', '已读取')}") == "roads: read"
    with pytest.raises(TypeError):
        Sentence("one language only")


def test_notes_take_the_chinese_along():
    assert note("info", Sentence("read", "已读取")) == {"level": "info", "text_en": "read", "text_zh": "已读取"}
    assert note("info", Sentence("read", "已读取"), "读完")["text_zh"] == "读完"
    assert note("info", "read")["text_zh"] == "read"
