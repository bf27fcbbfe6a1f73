"""The words by which a sentence of a thought refuses, checks, corrects or misses something."""

from __future__ import annotations

import re

_MENTION_VERBS = (
    r"(?:given?|provided?|specif(?:y|ied)|mention(?:ed)?|stated?|say|said|suppl(?:y|ied)|"
    r"includ(?:e|ed)|tell|told|know|have|there)"
)

REJECTION = re.compile(
    r"\b(?:not|no(?! others?\b)|nor|neither|none|nothing|instead of|rather than|unlike|only|just|"
    r"merely|wrong|irrelevant|unrelated|useless|overkill|(?:is|'s) out|rul(?:es?|ed|ing) out|"
    r"off the table|ignored?)\b|"
    r"(?:\bcannot|n't)\b(?! \w+ without)|不|没|无|而非|只"
)
CHECK = re.compile(
    r"\d [-+*/x×÷] \d[^=]*=|"
    r"\b(?:(?:double[- ]?|re-?)?check(?:ing|ed|s)?(?![-_ ]?(?:in|out)\b)|verif(?:y|ying|ication)|"
    r"confirm(?:ing)?|again|once more|one more time|match|sure|wait|hold on|really|"
    r"let me see|look(?:ing)? back|re-?(?:count|comput|calculat|read|verif|examin)\w*|"
    r"corrected|correction)\b|"
    r"检查|确认|再|核对|核实|验证|重新|等等|等一下"
)
"""Words of checking, or a calculation with its result."""
CORRECTION = re.compile(r"^no,|\b(?:corrected|correction|wait|hold on|actually)\b|不对|等等|等一下")
LACK = re.compile(
    r"\b(?:missing|lack(?:s|ing)?|unknown|unspecified|unclear|without|forg[eo]t|left open|omitted|"
    r"(?:has|have|is|are|there's) none)\b|"
    rf"(?:\bnot|n't|\bnever)(?: \w+){{0,2}} (?:{_MENTION_VERBS}|clear)\b|"
    rf"\bno (?:\w+ ){{1,3}}(?:(?:is|are|was|were) )?(?:{_MENTION_VERBS}|to put)\b|"
    r"\bthere(?:'s| is| are) no\b|\bneeds? (?:more|further|to know)\b|"
    r"缺|没有?(?:说|给|提|写|告诉)|未(?:提|说|给|指)|不知道|不清楚|不明确"
)
ASK = re.compile(
    r"\b(?:should|must|shall|needs? to|ha(?:ve|s) to|will|better|let me|time to|going to) (?:\w+ )?"
    r"(?:be )?(?:ask|clarify|inquire)|'ll (?:\w+ )?(?:ask|inquire)|询问|问(?:一下|清楚|用户)"
)
"""What is to be asked is missing, whatever it is called."""
NO_ASK = re.compile(r"\bask (?:them )?how (?:i|else)\b|\bno (?:need|reason) to\b|n't need to ask")
NO_LACK = re.compile(
    r"\b(?:nothing|not|no|any|anything|if|whether|optional)\b[^,.]* missing|\boptional\b|"
    r"\bno (?:\w+ )?(?:arguments|parameters)\b|没有缺|不缺"
)
"""Sentences in which a word of `LACK` says that nothing is missing, or asks whether."""
ANY_VALUE = re.compile(
    r"\b(?:values?|information|details?|parameters?|arguments?)\b|信息|参数|内容"
)
