"""What does a line of plain text say: a problem, none, or nothing about it?

Words, not substrings: `terrorismo`, `mirror` and `errors.py` have no error in them. Around every word that may speak
of a problem (`verdict_words.WORDS`) a few tokens to either side are looked at, in this order:

1. a value that belongs to it: `errors: 0`, `Erros encontrados = 2`;
2. a word after it that makes it a topic: `error handling`;
3. what stands before it in its clause: a count, a negation, a word that settles it (`fixed the error`) or only supposes
   it (`if the build failed`);
4. what stands after it in its clause: `errors were not found`, `3 erros corrigidos`.

If none of these says anything, the word speaks for itself. It is stated in `error: cannot open`, `ERROR`, `o build
quebrou`, and merely mentioned in `there was an error in the parser`.

Of all lines the worst count or statement decides. A mere mention counts only where no line counts or denies problems
of that severity: who ends with `0 errors` knows better than who spoke of one on the way.

The look to either side ends after a fixed number of tokens: time is linear in the text, whatever it says.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from conselho.executions import phrase_tokens
from conselho.executions import verdict_words as words
from conselho.executions.phrase_tokens import Token
from conselho.executions.severity import Severity
from conselho.executions.verdict_words import Word

CLAUSE_TOKENS_MAX = 8
"""Tokens looked at on either side. What is further away belongs to something else."""

COUNT_REACH = 3
"""Words between a count and what it counts: `0 critical compiler errors`, `3 of the unit tests failed`."""

THING_DENIAL_REACH = 4
"""Words between a negation and a thing: `não foram encontrados erros`, `could not find any more errors`."""

EVENT_DENIAL_REACH = 2
"""Words between a negation and an event: `has not yet failed`."""

TOPIC_REACH = 2
"""Words between a topic's word and a thing: `checking for any errors`."""

SETTLED_REACH = 4
"""Words between a thing and what settles it: `erro de digitação foi corrigido`."""

_STEMS = tuple(
    {word[:4] for word in words.WORDS} | {phrase for phrase, word in words.PHRASES.items() if word in words.WORDS}
)
_BEFORE_VALUE = words.SEEN | words.EXTENT
_OF_THE = words.OF | words.ARTICLES
_UNSETTLED_BEFORE = words.UNSETTLED - words.ARTICLES  # there `a` is English: `a fixed error`
_NOTHING_TOKEN = Token("mark", "")


class Says(Enum):
    """What one word says where it stands."""

    NOTHING = auto()
    DENIED = auto()
    MENTIONED = auto()
    STATED = auto()
    COUNTED = auto()


@dataclass(frozen=True, slots=True)
class Found:
    """The line that decided."""

    severity: Severity
    seq: int
    line: str


def worst(lines: Iterable[tuple[int, str]]) -> Found | None:
    """The last of the worst problems in the lines, (seq, text) pairs. None: they speak of none."""
    best: dict[Severity, Found] = {}
    mentioned: dict[Severity, Found] = {}
    denied: set[Severity] = set()
    for seq, line in lines:
        for severity, says in read(line):
            if says is Says.DENIED:
                denied.add(severity)
            elif says is Says.MENTIONED:
                mentioned[severity] = Found(severity, seq, line)
            else:
                best[severity] = Found(severity, seq, line)
    for severity, found in mentioned.items():
        if severity not in denied:
            best.setdefault(severity, found)
    return max(best.values(), key=lambda found: found.severity.rank, default=None)


def read(line: str) -> Iterator[tuple[Severity, Says]]:
    """What each word of the line says of which severity; words that say nothing are left out."""
    line = phrase_tokens.plain(line)
    lower = line.lower()
    if not any(stem in lower for stem in _STEMS):  # nearly every line leaves here
        return
    tokens = list(phrase_tokens.split(line))
    left_over = _left_over(tokens)
    passed = _is_passed_test(tokens)
    for at, token in enumerate(tokens):
        if token.kind != "word" or (word := words.WORDS.get(token.text)) is None:
            continue
        says = _says(tokens, at, word)
        if says is Says.COUNTED and left_over is not None:
            says = left_over
        if says is not Says.NOTHING and not (passed and says in {Says.MENTIONED, Says.STATED}):
            yield word.severity, says


def _says(tokens: Sequence[Token], at: int, word: Word) -> Says:
    before, after = _clause_before(tokens, at), _clause_after(tokens, at)
    if word.part == "goal":
        return _missed(before, after)
    if (value := _value(tokens, at, word)) is not None:
        return value
    if word.part == "thing" and after and after[0].text in words.TOPIC_AFTER:
        return Says.NOTHING
    said = _said_before(before, word)
    if said is None or (said is Says.COUNTED and not _is_part(before)):
        said = _said_after(after) or said  # what was counted may yet be settled: `3 errors fixed`
    return said or _alone(tokens, at, word)


# --- what belongs to a word -------------------------------------------------------------------------------------------


def _clause_before(tokens: Sequence[Token], at: int) -> list[Token]:
    """The tokens before the word that may speak of it, the nearest first."""
    clause: list[Token] = []
    for here in range(at - 1, max(at - 1 - CLAUSE_TOKENS_MAX, -1), -1):
        token = tokens[here]
        if token.ends_clause and not _goes_on(tokens, here, at):
            break
        if token.text in words.AND and not _is_thing(_get(tokens, here - 1)):
            break
        clause.append(token)
    return clause


def _clause_after(tokens: Sequence[Token], at: int) -> list[Token]:
    """The tokens after the word that may speak of it, the nearest first."""
    clause: list[Token] = []
    for token in tokens[at + 1 : at + 1 + CLAUSE_TOKENS_MAX]:
        if token.ends_clause:
            break
        clause.append(token)
    return clause


def _goes_on(tokens: Sequence[Token], mark: int, at: int) -> bool:
    """Whether the clause goes on across the mark: `no errors, warnings or failures`, `fix: error in the parser`."""
    if tokens[mark].text == ":":
        return _get(tokens, mark - 1).text in words.SETTLED
    listed = [token for token in tokens[mark + 1 : at + 2] if token.kind == "word"]
    return (
        tokens[mark].text == ","
        and _is_thing(_get(tokens, mark - 1))
        and any(token.text in words.OR for token in listed)
        and all(_is_thing(token) or token.text in words.OR for token in listed)
    )


def _is_thing(token: Token) -> bool:
    word = words.WORDS.get(token.text) if token.kind == "word" else None
    return word is not None and word.part in {"thing", "tally"}


def _get(tokens: Sequence[Token], at: int) -> Token:
    return tokens[at] if 0 <= at < len(tokens) else _NOTHING_TOKEN


# --- 1: a value -------------------------------------------------------------------------------------------------------


def _value(tokens: Sequence[Token], at: int, word: Word) -> Says | None:
    """`errors: 0`, `Erros encontrados = 2`, `| Errors | 0 |`, `"errors": []`, `errors were 0`, `Errors 0`."""
    here = at + 1
    while here <= at + 2 and _get(tokens, here).text in _BEFORE_VALUE:
        here += 1
    link, value, following = (_get(tokens, here + step) for step in range(3))
    if _get(tokens, at - 1).kind == "count" and _get(tokens, at - 2).text[:1] not in {":", "="}:
        return None  # `2 errors: 0 fixed`; but not `passed=0 failed=3`
    if link.kind == "count" and word.part != "event" and value.kind == "mark":
        return _counted(link)
    if link.text in words.IS:
        return _counted(value) if value.kind == "count" else None
    if link.kind != "mark" or not link.text.startswith(words.VALUE_MARKS):
        return None
    if link.text[1:].startswith(words.NOTHING_MARKS):
        return Says.DENIED
    is_last = following.kind == "mark" or _get(tokens, here + 3).text[:1] in {":", "="}
    return _of_link(link, value, following, is_last=is_last, is_plural=_is_plural(tokens[at], word))


def _of_link(link: Token, value: Token, following: Token, *, is_last: bool, is_plural: bool) -> Says | None:
    if value.kind == "count":
        # `error: 0 is no valid port` is an error; `(3 fixed)` is not the value of `errors (3 fixed)`.
        return _counted(value) if is_last or (is_plural and link.text[0] != "(") else None
    if value.kind == "mark":
        return Says.DENIED if value.text.startswith(words.NOTHING_MARKS) and is_last else None
    is_nothing = value.text in words.NOTHING_VALUES and (is_last or following.text in words.SEEN)
    return Says.DENIED if is_nothing else None


def _is_plural(token: Token, word: Word) -> bool:
    return word.part == "event" or token.text.endswith("s")


def _counted(count: Token) -> Says:
    return Says.DENIED if count.is_zero else Says.COUNTED


# --- 3: what stands before --------------------------------------------------------------------------------------------


def _said_before(clause: Sequence[Token], word: Word) -> Says | None:
    """`clause`: the nearest first. The nearest that says something decides - but what is counted may yet be settled."""
    counted: Says | None = None
    for distance, token in enumerate(clause):
        beyond = clause[distance + 1 :]
        if token.text in words.SETTLED and distance <= SETTLED_REACH:
            return counted if _is_unsettled(beyond[:3]) or _is_part(clause[:distance]) else Says.NOTHING
        if token.text in words.SUPPOSED_BEFORE:
            return Says.NOTHING
        if counted is None:
            if _denies(token, word, distance, clause[:distance]):
                return Says.DENIED
            if token.text in words.TOPIC_BEFORE and _is_topic(word, clause[:distance]):
                return Says.NOTHING
            counted = _count_of(token, beyond, distance)
            if counted is Says.DENIED:
                return counted
    return counted


def _denies(token: Token, word: Word, distance: int, between: Sequence[Token]) -> bool:
    is_event = word.part == "event"
    if _is_not(token):
        return distance <= (EVENT_DENIAL_REACH if is_event else THING_DENIAL_REACH)
    if token.text in words.LACKING:
        return distance <= (0 if is_event else COUNT_REACH)
    if token.text == "no" and (word.portuguese or any(near.text in words.PORTUGUESE_VERBS for near in between)):
        return False  # there it means `in the`: `no arquivo há erros`
    return token.text in words.NONE_OF and distance <= COUNT_REACH and not _begins_anew(between)


def _is_topic(word: Word, between: Sequence[Token]) -> bool:
    """Whether a topic's word speaks of the thing; in `the checks found errors` it does not."""
    is_near = len(between) <= TOPIC_REACH and not any(token.text in words.SEEN for token in between)
    return is_near and word.part in {"thing", "tally"}


def _begins_anew(between: Sequence[Token]) -> bool:
    """Whether an article makes what follows another thing: `with no network the tests failed`."""
    return any(
        token.text in words.ARTICLES and _get(between, at + 1).text not in words.OF for at, token in enumerate(between)
    )


def _count_of(token: Token, beyond: Sequence[Token], distance: int) -> Says | None:
    """What a count before the word says; None where it is no count, or one of something else."""
    if token.kind != "count" or distance > COUNT_REACH:
        return None
    step = 0
    while _get(beyond, step).text in _OF_THE:
        step += 1
    if step > 0 and _get(beyond, step).kind == "count":
        return _counted(beyond[step])  # `0 of 12 tests failed`
    return None if _get(beyond, 0).text in words.NUMBERED else _counted(token)


def _is_part(clause: Sequence[Token]) -> bool:
    """Whether some of the things are still there: `fixed 2 of 5 errors`."""
    counts = {token.text for token in clause[: COUNT_REACH + 2] if token.kind == "count"}
    return len(counts) > 1 and any(token.text in words.OF for token in clause)


def _is_not(token: Token) -> bool:
    return token.text in words.NOT or token.text.endswith("n't")


def _is_unsettled(nearby: Sequence[Token]) -> bool:
    return any(_is_not(token) or token.text in _UNSETTLED_BEFORE for token in nearby)


# --- 4: what stands after ---------------------------------------------------------------------------------------------


def _said_after(clause: Sequence[Token]) -> Says | None:
    """`clause`: the nearest first."""
    if not clause:
        return None
    if clause[0].text in {"nenhum", "nenhuma"} or _is_not_seen(clause):
        return Says.DENIED
    for distance, token in enumerate(clause[: SETTLED_REACH + 1]):
        if token.text in words.SETTLED:
            before = clause[:distance]
            wanted = any(_is_not(near) or near.text in words.UNSETTLED for near in before)
            return None if wanted else Says.NOTHING
    return None


def _is_not_seen(clause: Sequence[Token]) -> bool:
    """`errors were not found`, `erros não foram encontrados`; the `not` must be the word's own."""
    rest = [token for token in clause[:5] if token.text not in words.IS]
    return len(rest) > 1 and _is_not(rest[0]) and rest[1].text in words.SEEN


# --- the word alone ---------------------------------------------------------------------------------------------------


def _alone(tokens: Sequence[Token], at: int, word: Word) -> Says:
    if word.part == "event":
        return Says.STATED
    if word.part == "tally":
        near = [_get(tokens, at + step).text for step in (-2, -1, 1, 2)]
        return Says.MENTIONED if words.SEEN.intersection(near) else Says.NOTHING
    if _is_shouted(tokens, at):
        return Says.STATED
    return Says.MENTIONED if word.part == "thing" else Says.NOTHING


def _is_shouted(tokens: Sequence[Token], at: int) -> bool:
    """`ERROR`, `error: cannot open`, `[error]`, `level=error`."""
    before, after = _get(tokens, at - 1), _get(tokens, at + 1)
    labels = after.text.startswith(":") and at + 2 < len(tokens)
    brackets = before.text.endswith("[") and after.text.startswith("]")
    is_level = before.text.startswith((":", "=")) and _get(tokens, at - 2).text in words.SEVERITY_FIELDS
    return tokens[at].capitals or labels or brackets or is_level


def _missed(before: Sequence[Token], after: Sequence[Token]) -> Says:
    """`the tests did not pass`, `não passaram todos os testes`."""
    near = {token.text for token in (*before[:5], *after[:3])}
    is_denied = any(_is_not(token) for token in before[:2])
    return Says.STATED if is_denied and near & words.MAY_FAIL and not near & words.SUPPOSED_BEFORE else Says.NOTHING


# --- the line as a whole ----------------------------------------------------------------------------------------------


def _left_over(tokens: Sequence[Token]) -> Says | None:
    """What `0 remaining` or `1 remaining` makes of the other counts of its line."""
    for at, token in enumerate(tokens):
        if token.text in words.LEFT_OVER:
            count = _get(tokens, at - 1)
            if count.kind == "count":
                return _counted(count)
            if count.text in words.NONE_OF:
                return Says.DENIED
    return None


def _is_passed_test(tokens: Sequence[Token]) -> bool:
    """Whether the line names a test that passed: it may be called anything."""
    first, second = _get(tokens, 0), _get(tokens, 1)
    if first.text == "---":
        return second.text == "pass"
    is_sign = first.kind == "mark" and first.text.startswith(words.PASS_SIGNS)
    return is_sign or (first.text == "ok" and second.kind == "count") or (first.text == "pass" and first.capitals)
