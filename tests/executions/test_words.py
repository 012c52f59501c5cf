"""Texts and queries are cut into the same words, whatever is in them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conselho import errors
from conselho.db.fulltext import MARK, Phrase
from conselho.executions import words


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("Deploy the THING", ["deploy", "the", "thing"]),
        ("Revisão da Ação: não há código", ["revisao", "da", "acao", "nao", "ha", "codigo"]),
        ("Ação".encode().decode(), ["acao"]),
        ("Ac\u0327a\u0303o", ["acao"]),  # the same, its signs written apart
        ("src/app_main.py:12", ["src", "app", "main", "py", "12"]),
        ("Straße ﬁn Ⅻ x²", ["strasse", "fin", "xii", "x2"]),
        ("ΣΊΣΥΦΟΣ Дом 東京", ["σισυφοσ", "дом", "東京"]),
        ("İstanbul", ["istanbul"]),
        ("'; DROP TABLE executions --", ["drop", "table", "executions"]),
        ("", []),
        ("\0 \ud800 ¶ _ * \" '", []),
    ],
)
def test_words_are_letters_and_digits_without_case_and_accents(text: str, cut: list[str]) -> None:
    assert words.words_of(text) == cut


def test_a_long_word_is_known_by_its_beginning() -> None:
    assert words.words_of("a" * 70_000) == ["a" * words.WORD_CHARACTERS_MAX]


@given(st.text())
def test_cutting_what_was_cut_changes_nothing(text: str) -> None:
    cut = words.words_of(text)
    assert words.words_of(" ".join(cut)) == cut
    assert all(word and MARK not in word and " " not in word for word in cut)


@given(st.lists(st.one_of(st.none(), st.text()), max_size=3))
def test_a_document_is_within_what_both_databases_hold(fields: list[str | None]) -> None:
    document = words.document(fields, [MARK + "0123"])
    assert document.endswith(MARK + "0123")
    assert len(document.split()) <= 16_383


def test_a_document_of_the_largest_fields_is_within_what_both_databases_hold() -> None:
    draw = random.Random(1)
    letters = [" ".join(draw.choice("abcdefgh") for _ in range(600_000)) for _ in range(3)]
    known = words.document(letters, [MARK + "0123"]).split()
    assert len(known) <= 16_383
    assert all(known.count(letter) == words.REPEATS_MAX for letter in "abcdefgh")


def test_only_the_first_16_kib_of_a_field_are_known() -> None:
    before = "x" * (words.FIELD_BYTES_MAX - 6)
    assert words.document([f"{before} seen unseen"]).split()[1:] == ["seen", MARK]
    assert words.document([f"{before} áé" + "ü" * 10]).split()[1:] == ["aeu"[:2], MARK]


def test_words_of_two_fields_do_not_follow_each_other() -> None:
    assert words.document(["build failed", None, "again"]) == f"build failed {MARK} again {MARK}"


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("deploy error", [Phrase(("deploy",)), Phrase(("error",))]),
        ('"Build Failed" x', [Phrase(("build", "failed")), Phrase(("x",))]),
        ("“build failed”", [Phrase(("build", "failed"))]),
        ('"build failed', [Phrase(("build", "failed"))]),
        ("dep*", [Phrase(("dep",), is_prefix=True)]),
        ("AÇ*", [Phrase(("ac",), is_prefix=True)]),
        ("run_tes*", [Phrase(("run", "tes"), is_prefix=True)]),
        ('"dep* x"', [Phrase(("dep", "x"))]),
        ("de*p", [Phrase(("de", "p"))]),
        ("dep-*", [Phrase(("dep",))]),
        ("x x x", [Phrase(("x",))]),
        (
            "NOT a OR b AND NEAR(c)",
            [Phrase((each,)) for each in ("not", "a", "or", "b", "and")] + [Phrase(("near", "c"))],
        ),
        ("prompt:x ^y -z +w", [Phrase(("prompt", "x")), Phrase(("y",)), Phrase(("z",)), Phrase(("w",))]),
        ("", []),
        ("\" * ( ) ' ; -- \\ & | ! <-> :* \0", []),
    ],
)
def test_a_query_asks_for_words_phrases_and_beginnings(query: str, asked: list[Phrase]) -> None:
    assert words.parse(query) == asked


@given(st.text(max_size=words.QUERY_CHARACTERS_MAX))
def test_no_short_query_is_wrong(query: str) -> None:
    if len(words.words_of(query)) <= words.QUERY_WORDS_MAX:
        assert all(phrase.words and all(phrase.words) for phrase in words.parse(query))


@pytest.mark.parametrize(
    ("query", "sentence"),
    [("x" * 301, "longer than 300"), ("x " * 21, "more than 20 words"), ('"x" ' * 21, "20 words")],
)
def test_a_query_past_its_limits_is_refused(query: str, sentence: str) -> None:
    with pytest.raises(errors.Invalid, match=sentence):
        words.parse(query)
