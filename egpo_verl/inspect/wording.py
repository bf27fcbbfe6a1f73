"""The words by which a sentence of a thought refuses, checks, corrects or misses something."""

from __future__ import annotations

import re

_GIVEN = (
    r"(?:given?|provided?|specif(?:y|ied)|mention(?:ed)?|stated?|say|said|suppl(?:y|ied)|"
    r"includ(?:e|ed)|tell|told|know|have|there)"
)

REJECTION = re.compile(
    r"\b(?:not|cannot|no|nor|neither|none|nothing|instead of|rather than|unlike|only|wrong|"
    r"irrelevant|unrelated|(?:is|'s) out)\b|n't\b|不|没|无|而非|只"
)
CHECK = re.compile(
    r"\b(?:(?:double[- ]?|re-?)?check(?:ing|ed|s)?(?![-_ ]?(?:in|out)\b)|verify(?:ing)?|"
    r"confirm(?:ing)?|again|once more|sure|wait|hold on|re(?:count|comput|calculat|read|verif)\w*|"
    r"corrected|correction)\b|检查|确认|再|核对|核实|验证|等等|等一下"
)
CORRECTION = re.compile(
    r"\b(?:corrected|correction|wait|hold on|actually)\b|不对|等等|等一下",
)
LACK = re.compile(
    r"\b(?:missing|lack(?:s|ing)?|unknown|unspecified|without|(?:has|have|is|are|there's) none)\b|"
    rf"(?:\bnot|n't|\bnever)(?: \w+){{0,2}} {_GIVEN}\b|"
    rf"\bno (?:\w+ ){{1,3}}(?:(?:is|are|was|were) )?(?:{_GIVEN}|to put)\b|"
    r"\bthere(?:'s| is| are) no\b|\bneeds? (?:more|further)\b|"
    r"缺|没有(?:说|给|提|写)|未(?:提|说|给|指)|不知道"
)
NO_LACK = re.compile(
    r"\b(?:nothing|not|no|any|anything|if|whether|optional)\b[^,.]* missing|\boptional\b|"
    r"没有缺|不缺"
)
"""Sentences in which a word of `LACK` says that nothing is missing, or asks whether."""
ANY_VALUE = re.compile(
    r"\b(?:values?|information|details?|parameters?|arguments?)\b|信息|参数|内容"
)
