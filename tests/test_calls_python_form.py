"""The python form: what is read, what is refused, and that Python itself reads the same."""

from __future__ import annotations

import ast
import math
import warnings
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import Call, Reason, parse, render

NAMES = st.sampled_from(["f", "get_weather", "a.b.c", "_x", "données", "match", "print"])
PARAMETERS = st.sampled_from(["a", "b", "city", "n_days", "größe", "type"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
CALLS = st.lists(
    st.builds(Call, NAMES, st.dictionaries(PARAMETERS, VALUES, max_size=4)), max_size=4
)


def by_ast(text: str) -> list[tuple[str, dict[str, Any]]]:
    """What Python's parser reads, by a literal-only walk."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(text.strip(" \t\r\n"), mode="eval").body
        assert isinstance(tree, ast.List)
        calls = []
        for node in tree.elts:
            assert isinstance(node, ast.Call)
            assert not node.args
            arguments = {k.arg: as_json(ast.literal_eval(k.value)) for k in node.keywords}
            assert len(arguments) == len(node.keywords)
            calls.append((ast.unparse(node.func), arguments))
    return calls


def plain(calls: Sequence[Call]) -> list[tuple[str, dict[str, Any]]]:
    """As builtins, to be compared by `repr`, which tells True from 1 and 1 from 1.0."""
    return [(call.name, dict(call.arguments)) for call in calls]


def as_json(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


GOOD = [
    ("[]", []),
    (" [ ] \n", []),
    ("[f()]", [("f", {})]),
    ("[f(), f()]", [("f", {}), ("f", {})]),
    ("[f(a=1,),]", [("f", {"a": 1})]),
    ("[\n  f( a = 1 ,\tb = 'x' ) ,\r\n g ( )\n]", [("f", {"a": 1, "b": "x"}), ("g", {})]),
    ("[a.b.c(x=None, y=True, z=False)]", [("a.b.c", {"x": None, "y": True, "z": False})]),
    ("[f(a=-1, b=+2, c=0, d=1_000, e=0x1F, g=0b11, h=0o17)]",
     [("f", {"a": -1, "b": 2, "c": 0, "d": 1000, "e": 31, "g": 3, "h": 15})]),
    ("[f(a=1., b=.5, c=-1.5e-3, d=1E5, e=00, g=01.5)]",
     [("f", {"a": 1.0, "b": 0.5, "c": -0.0015, "d": 1e5, "e": 0, "g": 1.5})]),
    ("[f(a='', b=\"\", c='''''')]", [("f", {"a": "", "b": "", "c": ""})]),
    ("[f(a='it''s', b='a' \"b\" r'\\n')]", [("f", {"a": "its", "b": "ab\\n"})]),
    (r"[f(a='\'\"\\\n\t\x41\u0041\U00000041\101\0')]", [("f", {"a": "'\"\\\n\tAAAA\0"})]),
    (r"[f(a='\d+', b=r'\d\'')]", [("f", {"a": r"\d+", "b": r"\d\'"})]),
    (r"[f(a=R'\n', b=r'\x4\u12', c=U'\u0041', d='\U0010FFFF')]",
     [("f", {"a": r"\n", "b": r"\x4\u12", "c": "A", "d": "\U0010FFFF"})]),
    ("[f(a='x\\\ny', b='''x\r\ny''')]", [("f", {"a": "xy", "b": "x\ny"})]),
    ("[f(a='''it's \"x\" ''', b=u'é')]", [("f", {"a": "it's \"x\" ", "b": "é"})]),
    ("[f(a=[1, [2.5, 'x'], []], b=(1, 2), c=(1,), d=(1), e=())]",
     [("f", {"a": [1, [2.5, "x"], []], "b": [1, 2], "c": [1], "d": 1, "e": []})]),
    ("[f(a=( 1 ), b=(1 , ), c=( 'x'\n,\n), d=( ), e=( 1 , 2 ))]",
     [("f", {"a": 1, "b": [1], "c": ["x"], "d": [], "e": [1, 2]})]),
    ("[f(a={'k': {'l': [True]}, \"m\": None,}, b={})]",
     [("f", {"a": {"k": {"l": [True]}, "m": None}, "b": {}})]),
    ("[f(a='</tool_call>](),')]", [("f", {"a": "</tool_call>](),"})]),
    ("[f(a=12345678901234567890123)]", [("f", {"a": 12345678901234567890123})]),
    ("[f(a='x' , b=[ 'y' , 'z' ])]", [("f", {"a": "x", "b": ["y", "z"]})]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "calls"), GOOD)
def test_reads_what_python_reads(text: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    parsed = parse(text)
    assert parsed.reason is None
    assert repr(plain(parsed.calls or ())) == repr(by_ast(text)) == repr(calls)


BAD = [
    ("", Reason.NO_CALL_LIST),
    ("   ", Reason.NO_CALL_LIST),
    ("I cannot do that.", Reason.NO_CALL_LIST),
    ("f(a=1)", Reason.NO_CALL_LIST),
    ("(f(a=1))", Reason.NO_CALL_LIST),
    ("```[f(a=1)]```", Reason.NO_CALL_LIST),
    ("[1]", Reason.NO_CALL_LIST),
    ("[f]", Reason.NO_CALL_LIST),
    ("['f']", Reason.NO_CALL_LIST),
    ("[[f(a=1)]]", Reason.NO_CALL_LIST),
    ("[,]", Reason.NO_CALL_LIST),
    ("[", Reason.NO_CALL_LIST),
    ("[*f()]", Reason.NO_CALL_LIST),
    ("[f(a=1)] [f(a=1)]", Reason.TEXT_BESIDE_CALLS),
    ("[f(a=1)];", Reason.TEXT_BESIDE_CALLS),
    ("[f(a=1)] # done", Reason.TEXT_BESIDE_CALLS),
    ("[]]", Reason.TEXT_BESIDE_CALLS),
    ("[f(a=1)", Reason.SYNTAX),
    ("[f(a=1", Reason.SYNTAX),
    ("[f(", Reason.SYNTAX),
    ("[f(a=", Reason.SYNTAX),
    ("[f(a=1) g()]", Reason.SYNTAX),
    ("[f(a=1,,b=2)]", Reason.POSITIONAL),
    ("[f(a=1 b=2)]", Reason.SYNTAX),
    ("[f(a=1+1)]", Reason.SYNTAX),
    ("[f(a=1)(b=2)]", Reason.SYNTAX),
    ("[f(a=1).g()]", Reason.SYNTAX),
    ("[f(a=1) for x in y]", Reason.SYNTAX),
    ("[f(a=1) if x else g()]", Reason.SYNTAX),
    ("[f(a='x)]", Reason.SYNTAX),
    ("[f(a='''x)]", Reason.SYNTAX),
    ("[f(a='x\ny')]", Reason.SYNTAX),
    ("[f(a='x\0y')]", Reason.SYNTAX),
    (r"[f(a='\x4')]", Reason.SYNTAX),
    (r"[f(a='\u12')]", Reason.SYNTAX),
    (r"[f(a='\U00110000')]", Reason.SYNTAX),
    (r"[f(a='\N{DIGIT ONE}')]", Reason.SYNTAX),
    ("[f(a=1 # one\n)]", Reason.SYNTAX),
    ("[f(a=True and False)]", Reason.NOT_LITERAL),
    ("[f('x')]", Reason.POSITIONAL),
    ("[f(1, a=2)]", Reason.POSITIONAL),
    ("[f(*[1])]", Reason.POSITIONAL),
    ("[f(**{'a': 1})]", Reason.POSITIONAL),
    ("[f(a==1)]", Reason.POSITIONAL),
    ("[f(a:=1)]", Reason.POSITIONAL),
    ("[f(x for x in y)]", Reason.POSITIONAL),
    ("[f('a'=1)]", Reason.POSITIONAL),
    ("[f(a=b)]", Reason.NOT_LITERAL),
    ("[f(a=red)]", Reason.NOT_LITERAL),
    ("[f(a=true)]", Reason.NOT_LITERAL),
    ("[f(a=null)]", Reason.NOT_LITERAL),
    ("[f(a=nan)]", Reason.NOT_LITERAL),
    ("[f(a=-True)]", Reason.NOT_LITERAL),
    ("[f(a=g(b=1))]", Reason.NOT_LITERAL),
    ("[f(a=__import__('os'))]", Reason.NOT_LITERAL),
    ("[f(a=lambda: 1)]", Reason.NOT_LITERAL),
    ("[f(a=f'{1}')]", Reason.NOT_LITERAL),
    ("[f(a=b'x')]", Reason.NOT_LITERAL),
    ("[f(a={1, 2})]", Reason.NOT_LITERAL),
    ("[f(a={1: 2})]", Reason.NOT_LITERAL),
    ("[f(a={**b})]", Reason.NOT_LITERAL),
    ("[f(a={[1]: 2})]", Reason.NOT_LITERAL),
    ("[f(a={(1,): 2})]", Reason.NOT_LITERAL),
    ("[f(a={{}: 2})]", Reason.NOT_LITERAL),
    ("[f(a=[x for x in y])]", Reason.NOT_LITERAL),
    ("[f(a=...)]", Reason.NOT_LITERAL),
    ("[f(a=not 1)]", Reason.NOT_LITERAL),
    ("[f(a=1e999)]", Reason.BAD_NUMBER),
    ("[f(a=1" + "0" * 400 + ")]", Reason.BAD_NUMBER),
    ("[f(a=007)]", Reason.BAD_NUMBER),
    ("[f(a=1__0)]", Reason.BAD_NUMBER),
    ("[f(a=1j)]", Reason.BAD_NUMBER),
    ("[f(a=1x)]", Reason.BAD_NUMBER),
    ("[f(a=0x)]", Reason.BAD_NUMBER),
    ("[f(a=1.2.3)]", Reason.BAD_NUMBER),
    ("[f(a=1, a=2)]", Reason.DUPLICATE),
    ("[f(a={'k': 1, 'k': 2})]", Reason.DUPLICATE),
    ("[f(from=1)]", Reason.BAD_NAME),
    ("[class(a=1)]", Reason.BAD_NAME),
    ("[a.from.b()]", Reason.BAD_NAME),
    ("[f²()]", Reason.BAD_NAME),
    ("[f(a²=1)]", Reason.BAD_NAME),
    ("[get weather(a=1)]", Reason.NO_CALL_LIST),
    ("[get-weather(a=1)]", Reason.NO_CALL_LIST),
    ("[1f(a=1)]", Reason.NO_CALL_LIST),
    ("[f(a=" + "[" * 25 + "]" * 25 + ")]", Reason.TOO_DEEP),
    ("[f(a=" + "{'a':" * 30 + "1" + "}" * 30 + ")]", Reason.TOO_DEEP),
    ("[f(a=" + "(" * 4_000, Reason.TOO_DEEP),
    ("[" + "f()," * 65 + "]", Reason.TOO_MANY),
    ("[f(a=[" + "1," * 5_000 + "])]", Reason.TOO_MANY),
    ("[f(a='" + "x" * 40_000 + "')]", Reason.TOO_LONG),
]


@pytest.mark.parametrize(("text", "reason"), BAD)
def test_refuses_with_a_reason(text: str, reason: Reason) -> None:
    parsed = parse(text)
    assert parsed.calls is None
    assert parsed.reason is reason


def test_bounds_are_inclusive() -> None:
    deepest = "[f(a=" + "[" * 24 + "]" * 24 + ")]"
    assert parse(deepest).reason is None
    assert parse("[" + "f()," * 64 + "]").reason is None
    assert parse("[f(a=1" + "0" * 319 + ")]").reason is None
    for mark in (",", "[", "(", "{", '\\"', "\\'"):
        # The list, the call and the string have marks of their own.
        text = f"[f(a='{mark * ((4_096 - 4) // len(mark))}')]"
        assert parse(text).reason is None
        assert parse(text.replace("a='", "a=',")).reason is Reason.TOO_MANY
    assert parse("[f(a='" + "x" * (32_768 - 9) + "')]").reason is None
    assert parse("[f(a='" + "x" * (32_768 - 8) + "')]").reason is Reason.TOO_LONG


@given(CALLS)
@settings(max_examples=1500)
def test_rendered_calls_are_read_back_by_us_and_by_python(calls: list[Call]) -> None:
    text = render(calls)
    assert repr(plain(parse(text).calls or ())) == repr(plain(calls))
    assert repr(by_ast(text)) == repr(plain(calls))


PIECES = st.sampled_from(
    [*"[](){},:=.-+*'\"\\rubfa10 \n\r\t#é²\0", "'''", '"""', "\\'", "\\x41", "\\u00e9", "f(", "a=",
     "1e5", ".5", "0x1", "1_0", "True", "None", "'x'", "'y',", "a=1,", "[f(", ")]", "lambda"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=14).map("".join))
@settings(max_examples=4000)
def test_whatever_is_read_python_reads_the_same(middle: str) -> None:
    for text in (middle, f"[f({middle})]", f"[f(a={middle})]", f"[f(a='{middle}')]"):
        parsed = parse(text)
        if parsed.calls is not None:
            assert repr(by_ast(text)) == repr(plain(parsed.calls))


@given(st.text(max_size=80))
@settings(max_examples=1500)
def test_any_text_gives_calls_or_a_reason(text: str) -> None:
    parsed = parse(text)
    assert (parsed.calls is None) != (parsed.reason is None)


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (Call("get weather"), "get weather"),
        (Call("f", {"from": 1}), "spelled"),
        (Call("f", {"a": math.inf}), "literal"),
        (Call("f", {"a": {1: 2}}), "literal"),
        (Call("f", {"a": (1, 2)}), "change"),
    ],
)
def test_what_the_form_cannot_carry_is_not_rendered(call: Call, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        render([call])


def test_an_unknown_form_is_named() -> None:
    with pytest.raises(ValueError, match=r"'xml'.*python"):
        parse("[]", "xml")
