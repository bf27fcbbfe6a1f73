"""Types in every dialect, signatures, and what stays unchecked."""

# ruff: noqa: E501 (tables read best with a case a line)

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import Call, Reason, ToolSet


def toolset(*specifications: dict[str, Any]) -> ToolSet:
    return ToolSet.from_json(json.dumps(list(specifications)))


def flat(kind: Any, **more: Any) -> ToolSet:
    """One function with one parameter, as xLAM writes it."""
    return toolset({"name": "f", "parameters": {"a": {"description": "d", "type": kind, **more}}})


def schema(spec: Any, required: bool = True) -> ToolSet:
    """One function with one parameter, as JSON Schema."""
    parameters = {"type": "object", "properties": {"a": spec}, "required": ["a"] * required}
    return toolset({"name": "f", "parameters": parameters})


SAMPLES: dict[str, list[Any]] = {
    "string": ["", "x", "5", "é"],
    "integer": [0, -5, 10**30],
    "number": [0.5, -1e300, 5.0],
    "boolean": [True, False],
    "array": [[], [None], ["x"]],
    "object": [{}, {"x": 1}],
    "null": [None],
}
SPELLINGS = [
    ("string", "string str String text char Character"),
    ("integer", "integer int Integer long Long short byte BigInteger int64"),
    ("number", "number float Float double Double decimal"),
    ("boolean", "boolean bool Boolean"),
    ("array", "array list List tuple Tuple set Set ArrayList Array List[any] typing.List"),
    ("object", "object dict Dict dictionary map Map HashMap Dict[str,any]"),
    ("null", "null None NoneType"),
]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in SPELLINGS for name in names.split()]
)
def test_every_spelling_of_a_type_checks_that_type(kind: str, name: str) -> None:
    for tools in (flat(name), schema({"type": name}), schema({"type": [name]}), schema(name)):
        assert tools.unchecked == ()
        for sample_kind, values in SAMPLES.items():
            for value in values:
                fits = sample_kind == kind or (kind == "number" and sample_kind == "integer")
                problem = None if fits else Reason.WRONG_VALUE
                assert tools.check([Call("f", {"a": value})]) is problem


GENERIC = [
    ("List[int]", [[], [1, 2]], [1, [1.5], ["1"], [True], [[1]]]),
    ("list[str]", [["a"]], [[1], "a"]),
    ("List[List[float]]", [[[1.5, 2], []]], [[1.5], [["x"]]]),
    ("List[Union[int, float]]", [[1, 2.5]], [["1"], [True]]),
    ("Tuple[float, float]", [[1.0, 2.0], [1, 2]], [[1.0], [1.0, 2.0, 3.0], ["x", 1.0], "xy", 1]),
    ("Tuple[int, ...]", [[], [1], [1, 2, 3]], [["x"], [1.5]]),
    ("Dict[str, int]", [{}, {"x": 1}], [{"x": "1"}, []]),
    ("Dict[str, Any]", [{}, {"x": None}], [[], "x"]),
    ("Dict[int]", [{}, {"x": 1}], [{"x": "1"}]),
    ("List[" * 16 + "int" + "]" * 16, [[], [[[]]]], ["x", [1]]),
    ("Dict[str, List[int]]", [{"x": [1]}], [{"x": 1}]),
    ("HashMap<String, Integer>", [{"x": 1}], [{"x": "1"}]),
    ("ArrayList<String>", [["x"]], [[1]]),
    ("Optional[int]", [1, None], ["1", 1.5]),
    ("int | None", [1, None], ["x"]),
    ("int|str|null", [1, "x", None], [1.5, []]),
    ("Union[str, List[str]]", ["x", ["x"]], [1, [1]]),
    ("Set[int]", [[1, 2]], [["x"]]),
    ("int[]", [[1]], [1, ["x"]]),
    ("String[][]", [[["x"]]], [["x"]]),
    ("any", [1, "x", None, [], {}], []),
    ("Any", [1, "x"], []),
    ("List[Any]", [[1, "x"]], [1]),
    ("Union[int, Any]", ["x", 1], []),
    (["string", "null"], ["x", None], [1]),
    (["integer", "number"], [1, 1.5], ["x"]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), GENERIC, ids=lambda v: str(v)[:30])
def test_generic_types_check_what_is_inside(kind: Any, good: list[Any], bad: list[Any]) -> None:
    tools = flat(kind)
    assert tools.unchecked == ()
    for value in good:
        assert tools.check([Call("f", {"a": value})]) is None
    for value in bad:
        assert tools.check([Call("f", {"a": value})]) is Reason.WRONG_VALUE


@pytest.mark.parametrize(
    "kind",
    ["Callable[[float], float]", "DataFrame", "List[DataFrame]", "int or str", "", "[", "List[", "<>",
     "typing.", "List[int", "Dict[str int]", "int | DataFrame", "List[" * 17 + "int" + "]" * 17, "a" * 5_000, "[" * 5_000, "List[" * 5_000, 5, {"x": 1}, ["int", 5], ["DataFrame", "int"]],
)  # fmt: skip
def test_a_type_not_understood_is_unchecked_and_says_so(kind: Any) -> None:
    tools = flat(kind)
    assert len(tools.unchecked) == 1
    inside = "DataFrame" if "DataFrame" in str(kind) else str(kind)
    assert tools.unchecked[0].startswith("f: type ")
    assert inside.lower()[:40] in tools.unchecked[0].lower()
    outer_list = isinstance(kind, str) and kind == "List[DataFrame]"
    for value in [[]] if outer_list else [1, "x", None, [], {"y": 1}]:
        assert tools.check([Call("f", {"a": value})]) is None


@pytest.mark.parametrize("parameters", [5, "str", ["a"], {"type": "object", "properties": "a"}])
def test_parameters_not_understood_are_unchecked(parameters: Any) -> None:
    tools = toolset({"name": "f", "parameters": parameters})
    assert tools.check([Call("f", {"x": 1})]) is None
    if not isinstance(parameters, dict):
        assert tools.unchecked == (f"f: parameters {parameters!r}",)


def test_required_inside_and_beside_the_parameters() -> None:
    parameters = {"type": "object", "properties": {"a": {}, "b": {}}, "required": ["a"]}
    tools = toolset({"name": "f", "parameters": parameters, "required": ["b"]})
    assert tools.check([Call("f", {"a": 1, "b": 1})]) is None
    assert tools.check([Call("f", {"a": 1})]) is Reason.MISSING_ARGUMENT
    assert tools.check([Call("f", {"b": 1})]) is Reason.MISSING_ARGUMENT


def test_an_object_with_members_is_an_object() -> None:
    tools = schema({"type": "object", "properties": {"w": {"type": "integer"}}})
    assert tools.check([Call("f", {"a": {"w": 1}})]) is None
    for value in (1, "w", [], None, {"w": "1"}):
        assert tools.check([Call("f", {"a": value})]) is Reason.WRONG_VALUE


@pytest.mark.parametrize("items", [None, True])
def test_items_that_say_nothing_check_nothing(items: Any) -> None:
    tools = schema({"type": "array", "items": items})
    assert tools.check([Call("f", {"a": [1, "x", None]})]) is None
    assert tools.unchecked == ()


def test_a_missing_type_checks_nothing_and_needs_no_note() -> None:
    tools = toolset({"name": "f", "parameters": {"a": {"description": "d"}}})
    assert tools.unchecked == ()
    assert tools.check([Call("f", {"a": 1})]) is tools.check([Call("f", {"a": "x"})]) is None


@given(st.text(max_size=40) | st.text("ListDcnrUo[]<>(),| .int", max_size=40))
@settings(max_examples=1500)
def test_any_text_is_a_type_checked_or_noted(kind: str) -> None:
    tools = flat(kind)
    assert tools.check([Call("f", {"a": 1})]) in (None, Reason.WRONG_VALUE)


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["int", "str", "#", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "items",
                    "required",
                    "enum",
                    "const",
                    "default",
                    "minimum",
                    "maximum",
                    "anyOf",
                    "oneOf",
                    "allOf",
                    "$ref",
                    "additionalProperties",
                    "exclusiveMinimum",
                    "nullable",
                    "prefixItems",
                    "minItems",
                    "multipleOf",
                    "$defs",
                    "pattern",
                    "optional",
                    "name",
                    "parameters",
                    "function",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSONS)
@settings(max_examples=2000)
def test_any_specification_is_a_signature_checked_or_noted(parameters: Any) -> None:
    tools = toolset({"name": "f", "parameters": parameters})
    for arguments in ({}, {"type": 1}, {"a": [1, {"b": "x"}]}):
        assert tools.check([Call("f", arguments)]) in (None, *Reason)


REQUIRED = [
    # xLAM: optional by its type's text, or by a default.
    ({"a": {"type": "str"}}, {}, Reason.MISSING_ARGUMENT),
    ({"a": {"type": "str, optional"}}, {}, None),
    ({"a": {"type": "str (optional)"}}, {}, None),
    ({"a": {"type": "str", "default": "x"}}, {}, None),
    ({"a": {"type": "str", "default": ""}}, {}, None),
    ({"a": {"type": "str", "required": False}}, {}, None),
    ({"a": {"type": "str", "optional": True}}, {}, None),
    ({"a": {"type": "str, optional", "required": True}}, {}, Reason.MISSING_ARGUMENT),
    ({"a": {"type": ["string", "null"]}}, {}, None),
    ({"a": {"type": "str, optional"}}, {"a": 1}, Reason.WRONG_VALUE),
    ({"a": "int"}, {}, Reason.MISSING_ARGUMENT),
    ({"a": None}, {}, None),
    ({"a": "int, optional"}, {}, None),
    ({"a": "int, optional"}, {"a": "x"}, Reason.WRONG_VALUE),
    ({"a": {"type": "str"}}, {"a": "x", "b": 1}, Reason.UNKNOWN_ARGUMENT),
    ({}, {}, None),
    ({}, {"a": 1}, Reason.UNKNOWN_ARGUMENT),
    (None, {"a": 1}, Reason.UNKNOWN_ARGUMENT),
    # A flat map may describe parameters that are called as keywords of JSON Schema.
    ({"type": {"type": "str"}, "properties": {"type": "int"}}, {"type": "x", "properties": 1}, None),
    ({"type": {"type": "str"}}, {"type": 1}, Reason.WRONG_VALUE),
    # JSON Schema.
    ({"type": "object", "properties": {"a": {"type": "string"}}}, {}, None),
    ({"type": "object", "properties": {"a": {}}, "required": ["a"]}, {}, Reason.MISSING_ARGUMENT),
    ({"type": "object", "properties": {"a": {}}, "required": ["a", "a"]}, {"a": 1}, None),
    ({"type": "object", "properties": {"a": {}}, "required": None}, {}, None),
    ({"type": "object", "properties": {"a": {"required": True}}}, {}, Reason.MISSING_ARGUMENT),
    ({"type": "object", "properties": {"a": {"required": True}}}, {"a": 1}, None),
    ({"type": "object", "properties": {"a": {}}}, {"b": 1}, Reason.UNKNOWN_ARGUMENT),
    ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, {"b": 1}, None),
    ({"type": "object", "properties": {}, "additionalProperties": {"type": "int"}}, {"b": 1}, None),
    ({"type": "object", "properties": {}, "additionalProperties": {"type": "int"}}, {"b": "x"}, Reason.WRONG_VALUE),
    ({"type": "object", "properties": {}}, {"b": 1}, Reason.UNKNOWN_ARGUMENT),
    ({"type": "object"}, {"b": 1}, Reason.UNKNOWN_ARGUMENT),
    ({"type": "dict", "properties": {"a": {"type": "float"}}, "required": ["a"]}, {"a": 1}, None),
    ({"properties": {"a": {"type": "float"}}}, {"a": "x"}, Reason.WRONG_VALUE),
]  # fmt: skip


@pytest.mark.parametrize(("parameters", "arguments", "problem"), REQUIRED)
def test_what_must_and_may_be_given(
    parameters: Any, arguments: dict[str, Any], problem: Reason | None
) -> None:
    assert toolset({"name": "f", "parameters": parameters}).check([Call("f", arguments)]) is problem


LIMITS = [
    ({"enum": ["a", "b"]}, ["a"], ["c", "A"]),
    ({"type": "string", "enum": []}, ["x"], [1]),
    ({"const": 5}, [5], [6, "5"]),
    ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3], [0, 4]),
    ({"type": "number", "exclusiveMinimum": 0}, [0.1], [0, -1]),
    ({"type": "number", "exclusiveMaximum": 3}, [2.9], [3]),
    ({"type": "number", "minimum": 0, "exclusiveMinimum": True}, [1], [0]),
    ({"type": "integer", "minimum": "1"}, [0], ["1"]),
    ({"type": "integer", "multipleOf": 5}, [10], [11]),
    ({"type": "integer", "multipleOf": 0}, [3], ["3"]),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab"], ["a", "abcd"]),
    ({"type": "string", "minLength": -1, "maxLength": 2.0}, [""], ["abc"]),
    ({"type": "array", "minItems": 1, "maxItems": 2}, [[1]], [[], [1, 2, 3]]),
    ({"type": "array", "uniqueItems": True}, [[1, 2]], [[1, 1]]),
    ({"type": "array", "items": {"type": "int"}}, [[1]], [["x"]]),
    ({"type": "array", "items": "int"}, [[1]], [["x"]]),
    ({"type": "array", "items": True}, [["x"]], ["x"]),
    ({"type": "array", "prefixItems": [{"type": "int"}, {"type": "str"}], "items": False}, [[1, "x"]], [["x"], [1, "x", 2]]),
    ({"type": "array", "prefixItems": [{"type": "int"}]}, [[1, "x"]], [["x"]]),
    ({"type": "array", "items": [{"type": "int"}]}, [[1, "x"]], [["x"]]),
    ({"type": []}, ["x", 1, None], []),
    ({"anyOf": "x", "oneOf": [], "allOf": None, "$defs": 5}, ["x", 1], []),
    ({"type": "number", "multipleOf": 0.5}, [1.5], [1.2]),
    ({"type": "string", "maxLength": 0}, [""], ["x"]),
    ({"type": "array", "minItems": 0, "maxItems": 0}, [[]], [[1]]),
    ({"type": "number", "minimum": 1, "exclusiveMaximum": 3}, [1, 2], [0, 3]),
    ({"type": "string", "nullable": True}, ["x", None], [1]),
    ({"anyOf": [{"type": "int"}, {"type": "bool"}]}, [1, True], ["x"]),
    ({"oneOf": [{"type": "int"}, {"type": "number"}]}, [1.5], [1, "x"]),
    ({"allOf": [{"type": "int"}, {"minimum": 3}]}, [3], [2]),
    ({"type": "dict", "properties": {"x": {"type": "int"}}, "required": ["x"]}, [{"x": 1}, {"x": 1, "y": 2}], [{}, {"x": "1"}]),
    ({"type": "object", "properties": {"x": {}}, "additionalProperties": False}, [{"x": 1}], [{"y": 1}]),
    ({"type": "object", "minProperties": 1}, [{"x": 1}], [{}]),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "good", "bad"), LIMITS, ids=lambda v: str(v)[:40])
def test_keywords_of_json_schema(spec: Any, good: list[Any], bad: list[Any]) -> None:
    tools = schema(spec)
    assert tools.unchecked == ()
    for value in good:
        assert tools.check([Call("f", {"a": value})]) is None
    for value in bad:
        assert tools.check([Call("f", {"a": value})]) is Reason.WRONG_VALUE


@pytest.mark.parametrize("place", ["$defs", "definitions"])
def test_references_stay_inside_the_document(place: str) -> None:
    tools = toolset(
        {
            "name": "f",
            "parameters": {
                "type": "object",
                "properties": {"a": {"$ref": f"#/{place}/node"}},
                place: {
                    "node": {
                        "type": "object",
                        "properties": {
                            "v": {"type": "int"},
                            "next": {"$ref": f"#/{place}/node"},
                        },
                    }
                },
            },
        }
    )
    assert tools.check([Call("f", {"a": {"v": 1, "next": {"v": 2}}})]) is None
    assert tools.check([Call("f", {"a": {"v": 1, "next": {"v": "2"}}})]) is Reason.WRONG_VALUE


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"$ref": "https://example.org/schema.json"}, "$ref"),
        ({"$ref": "file:///etc/passwd"}, "$ref"),
        ({"$ref": 5}, "$ref"),
        ({"$ref": "#/$defs/missing"}, "all arguments"),
        ({"pattern": "(a+)+$"}, "pattern '(a+)+$'"),
        ({"items": False}, "schema False"),
        ({"items": [{"type": "DataFrame"}]}, "type 'dataframe'"),
        ({"prefixItems": [{}], "items": {"type": "DataFrame"}}, "type 'dataframe'"),
        ({"additionalProperties": {"type": "DataFrame"}}, "type 'dataframe'"),
        ({"properties": {"x": {"type": "DataFrame"}}}, "type 'dataframe'"),
        ({"anyOf": [{"type": "DataFrame"}]}, "type 'dataframe'"),
        ({"$defs": {"x": {"type": "DataFrame"}}}, "type 'dataframe'"),
        (5, "schema"),
        (False, "schema"),
    ],
)
def test_a_schema_not_used_is_noted(spec: Any, word: str) -> None:
    tools = schema(spec)
    assert len(tools.unchecked) == 1
    assert word in tools.unchecked[0]
    assert tools.check([Call("f", {"a": "a" * 10_000 + "b"})]) is None


WRAPPERS = [
    (lambda spec: {"type": "array", "items": spec}, lambda value: [value]),
    (lambda spec: {"type": "array", "items": [spec]}, lambda value: [value]),
    (lambda spec: {"type": "array", "prefixItems": [spec]}, lambda value: [value]),
    (lambda spec: {"properties": {"x": spec}}, lambda value: {"x": value}),
    (lambda spec: {"additionalProperties": spec}, lambda value: {"x": value}),
    (lambda spec: {"anyOf": [spec]}, lambda value: value),
]


@pytest.mark.parametrize(("deeper_spec", "deeper"), WRAPPERS)
def test_a_schema_is_checked_to_a_depth_and_then_noted(deeper_spec: Any, deeper: Any) -> None:
    spec: Any = {"type": "int"}
    value: Any = "x"
    for levels in range(1, 40):
        spec, value = deeper_spec(spec), deeper(value)
        tools = schema(spec)
        # The function's object is a level too.
        checked = levels <= 15
        assert tools.check([Call("f", {"a": value})]) is (Reason.WRONG_VALUE if checked else None)
        assert len(tools.unchecked) == (not checked)


DIALECTS = [
    {"type": "function", "function": {"name": "f", "parameters": {"a": {"type": "int"}}}},
    {"name": "f", "parameters": {"type": "dict", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, "required": None},
    {"name": "f", "parameters": {"type": "dict", "properties": {"a": {"type": "int"}}}, "required": ["a"]},
    {"name": "f", "arguments": {"type": "object", "properties": {"a": {"type": "int"}}, "required": ["a"]}},
    {"name": "f", "input_schema": {"type": "object", "properties": {"a": {"type": "int"}}, "required": ["a"]}},
    {"function": "f", "parameters": {"a": {"type": "int"}}},
]  # fmt: skip


@pytest.mark.parametrize("tool", DIALECTS)
def test_tools_in_every_dialect(tool: dict[str, Any]) -> None:
    tools = toolset(tool, {"name": "g"})
    assert tools.names == ("f", "g")
    assert tools.check([Call("f", {"a": 1}), Call("g")]) is None
    assert tools.check([Call("f")]) is Reason.MISSING_ARGUMENT
    assert tools.check([Call("f", {"a": "1"})]) is Reason.WRONG_VALUE
    assert tools.check([Call("f", {"a": 1}), Call("h")]) is Reason.UNKNOWN_FUNCTION
    assert tools.check([Call("g", {"a": 1})]) is Reason.UNKNOWN_ARGUMENT
    assert tools.check([]) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("{}", "JSON list, not dict"),
        ("[5]", "must be a JSON object: 5"),
        ('[{"id": 1}]', '^a tool has no name: {"id": 1}$'),
        ('[{"name": 5}]', "no name"),
        ('[{"name": ""}]', "no name"),
        ('[{"function": [1]}]', "must be a JSON object"),
        ('[{"name": "f"}, {"name": "f"}]', "two tools have the name 'f'"),
        ('[{"name": "\\u00e9"}, {"name": "e\\u0301"}]', "two tools have the name"),
    ],
)
def test_broken_tools_are_an_error_that_names_them(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ToolSet.from_json(text)


def test_names_are_compared_composed() -> None:
    tools = toolset(
        {"name": "cafe\u0301", "parameters": {"prix\u0301": {"type": "int"}}},
        {
            "name": "g",
            "parameters": {"type": "object", "properties": {"é": {}}, "required": ["e\u0301"]},
        },
    )
    assert tools.check([Call("café", {"prix\u0301": 1}), Call("g", {"é": 1})]) is None
    assert tools.check([Call("café", {"prix": 1})]) is Reason.MISSING_ARGUMENT
    assert tools.check([Call("g", {"e": 1})]) is Reason.MISSING_ARGUMENT
    assert tools.check([Call("g", {"e\u0301": 1})]) is None
    assert tools.check([Call("g", {"e\u0301": 1, "x": 1})]) is Reason.UNKNOWN_ARGUMENT


@pytest.mark.parametrize("kind", ["int", "List[int]"])
def test_two_spellings_of_one_argument_do_not_fit(kind: str) -> None:
    tools = ToolSet.from_json(f'[{{"name": "f", "parameters": {{"é": {{"type": "{kind}"}}}}}}]')
    value: Any = 1 if kind == "int" else [1]
    assert tools.check([Call("f", {"e\u0301": value})]) is None
    for names in (("é", "e\u0301"), ("e\u0301", "é")):
        problem = tools.check([Call("f", dict.fromkeys(names, value))])
        assert problem is Reason.UNKNOWN_ARGUMENT


def test_text_that_is_no_unicode_never_raises() -> None:
    call = Call("f", {"a": "\ud800"})
    assert flat("int").check([call]) is Reason.WRONG_VALUE
    assert schema({"enum": ["x"]}).check([call]) is Reason.WRONG_VALUE
    assert schema({"type": "string", "minLength": 1}).check([call]) is None
