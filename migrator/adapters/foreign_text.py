"""Text of other systems, before it enters one of our errors: one line, no secrets, cut to 256
characters.

Error bodies quote what was sent. A SignatureDoesNotMatch answer, for example, repeats the canonical
request with the session token in it. What looks like a credential is therefore removed before the
text goes anywhere. Escaping for a terminal, Markdown or HTML is done by the code that prints it.
"""

import re

LIMIT = 256

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"k8s-aws-v1\.[\w\-=%.]*"), "k8s-aws-v1.[removed]"),
    (
        re.compile(
            r"(?i)(x-amz-(?:security-token|signature|credential))([\"']?\s*[=:]\s*[\"']?)[^&\s\"',]+"
        ),
        r"\1\2[removed]",
    ),
    (re.compile(r"(?i)(bearer\s+)[\w\-.~+/=%]+"), r"\1[removed]"),
    (re.compile(r"(?i)(tokenvalue[\"']?\s*[=:]\s*[\"']?)[^&\s\"',}]+"), r"\1[removed]"),
    # RFC 7617: a user and a password in base64. A shorter word after "basic" is a word.
    (re.compile(r"(?i)(basic\s+)[A-Za-z0-9+/]{8,}={0,2}(?![\w-])"), r"\1[removed]"),
    (re.compile(r"(?i)((?:proxy-)?authorization\s*[=:]\s*)\S+(?: +\S+)?"), r"\1[removed]"),
    (
        re.compile(
            r"(?i)((?:aws_)?(?:secret_?access_?key|session_?token)[\"']?\s*[=:]\s*[\"']?)[^&\s\"',]+"
        ),
        r"\1[removed]",
    ),
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b"), "[removed key id]"),
    (re.compile(r"\beyJ[\w-]{10,}\.[\w-]+\.[\w-]*"), "[removed token]"),
    (re.compile(r"(?<=://)[^/@\s]+@"), "[removed]@"),  # user:password@ of a proxy address
)


def foreign(text: object, *, limit: int = LIMIT) -> str:
    """``text`` as one line of at most ``limit`` characters, without anything that looks like a
    credential.
    """
    line = str(text)[:65536]  # a body can be megabytes; the patterns need not read them
    for pattern, instead in _SECRETS:
        line = pattern.sub(instead, line)
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
