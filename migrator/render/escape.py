"""Foreign text made harmless, once for each language that it is written into.

Usernames, groups and ARNs come from any principal that may edit the ConfigMap. In a terminal they
could move the cursor or turn the reading direction round (CVE-2021-42574, "Trojan Source"), in
Markdown and HTML add links and scripts, in HCL and shell run code. Every renderer passes foreign
text through the function of its target; no function drops anything, so that two different names
never look alike because of us.
"""

import html as _html
import re
import shlex
import unicodedata
from collections.abc import Callable

from migrator.model.plain_characters import SHORT, code_point, is_plain

# What opens markup inside a line of GitHub's Markdown; a colon does where a scheme or an emoji's
# name follows, a full stop after www. Nothing here stands at the start of a line, where more would.
_MARKDOWN = re.compile(
    r"([\\`*_\[\]|~$]|:(?=[A-Za-z_+/-])|(?<!\d):(?=\d)|(?<=www)\.)", re.IGNORECASE
)
# GitHub: @name, #12, GH-12; GitLab also !12.
_MENTION = re.compile(r"(?<![A-Za-z0-9_])@|[#!](?=\d)|(?<![A-Za-z0-9])GH(?=-\d)", re.IGNORECASE)
# What a pipeline takes for a command when it reads its own log: Azure DevOps and GitHub's older
# form anywhere in a line ("##vso[task.setvariable ...]", "##[add-mask]"), TeamCity, and GitHub's
# newer form at the start of a line, which a folded table cell can be. Sources: "Logging commands"
# of Azure DevOps, "Workflow commands" of GitHub Actions, and ActionCommand.cs of actions/runner.
_LOG_COMMAND = re.compile(
    r"##(?=(?:vso|teamcity)?\[)"
    r"|::(?=(?:add-mask|add-matcher|add-path|debug|echo|end-?group|error|group|notice|remove-matcher|save-state|set-env"
    r"|set-output|stop-commands|warning)(?:\s|::))",
    re.IGNORECASE,
)
_CDK_TOKEN = re.compile(r"[$#]\{Token\[")
_PULUMI_UNKNOWN = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_DYNAMIC_REFERENCE = re.compile(r"\{\s*\{\s*resolve", re.IGNORECASE)


def terminal(text: str) -> str:
    """One line in which every character shows itself: control, bidi, invisible and combining ones
    as code points.

    The second character of what a pipeline's log would run as a command is a code point, too.
    """
    shown = text
    if not (text.isascii() and text.isprintable()):
        shown = "".join(char if is_plain(char) else code_point(char) for char in text)
    return _LOG_COMMAND.sub(
        lambda match: f"{match.group()[0]}\\x{ord(match.group()[0]):02x}", shown
    )


def markdown(text: str) -> str:
    """Prose for Markdown (GitHub's, and in table cells): no markup, no links, no HTML, no mention
    of a user.
    """
    shown = terminal(text)
    shown = _MENTION.sub(lambda match: f"\x00{match.group()}", shown)
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _MARKDOWN.sub(r"\\\1", shown)
    # GitHub looks for @name and #12 in the rendered text, where no backslash is left.
    return re.sub(r"\x00(\\?[@#!]|GH)", r"\1&#8203;", shown, flags=re.IGNORECASE)


def markdown_code(text: str, *, cell: bool = False) -> str:
    """A code span that shows ``text`` as it is; ``cell``: inside a table, where a bar ends the
    cell.
    """
    shown = terminal(text)
    if not shown:
        return "*(empty)*"
    # A fence is longer than every run of backticks inside it (CommonMark, "Code spans").
    longest = max(map(len, re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    # CommonMark takes one blank off both ends unless the span is all blanks, so padding is given
    # where it is needed.
    edge = shown.startswith(("`", " ")) or shown.endswith(("`", " "))
    pad = ""
    if edge and shown.strip(" "):
        pad = " "
    if cell:
        shown = shown.replace("|", "\\|")
    return fence + pad + shown + pad + fence


def html(text: str) -> str:
    """Text or a double- or single-quoted attribute value of HTML."""
    return _html.escape(terminal(text), quote=True)


def hcl(text: str) -> str:
    """A quoted HCL string (Terraform) that evaluates to ``text``, for text in Unicode normal form
    C.

    ``${`` and ``%{`` would open templates: HCL spec, "Template Literals". Terraform turns every
    string into normal form C, so :func:`survives_hcl` is False for other text.
    """
    out = []
    for index, char in enumerate(text):
        if char in ('"', "\\"):
            out.append("\\" + char)
        elif char in SHORT:
            out.append(SHORT[char])
        elif char in "$%" and text[index + 1 : index + 2] == "{":
            before = ""
            if index:
                before = text[index - 1]
            # A doubled sign is HCL's own escape, but not after another such sign: there only the
            # code point is.
            out.append(_hcl_code_point(char) if before == char else char * 2)
        elif is_plain(char):
            out.append(char)
        else:
            out.append(_hcl_code_point(char))
    return f'"{"".join(out)}"'


def _hcl_code_point(char: str) -> str:
    """A character by its number, in the two lengths that HCL has (HCL native syntax specification,
    "Template Expressions").
    """
    if ord(char) < 0x10000:
        return f"\\u{ord(char):04x}"
    return f"\\U{ord(char):08x}"


def survives_hcl(text: str) -> bool:
    """True when Terraform reads back exactly ``text``: it normalises strings to form C."""
    return unicodedata.is_normalized("NFC", text)


def json_for_log(text: str) -> str:
    """A JSON document that reads the same and in which a pipeline's log finds no command: ``#`` is
    in strings only.
    """
    return text.replace("##", "#\\u0023")


def survives_cloudformation(text: str) -> bool:
    """False for text with a dynamic reference: CloudFormation replaces it by a secret or parameter.

    A reference is ``{{resolve:service:key}}``, also inside longer text, and there is no escape for
    it (CloudFormation user guide, "Get values stored in other services using dynamic references").
    Spellings with other letter case or with blanks count as well: which of them CloudFormation
    takes is not documented.
    """
    return _DYNAMIC_REFERENCE.search(text) is None


def cloudformation_comment(text: str) -> str:
    """A comment of a CloudFormation template, without anything that looks like a dynamic
    reference.
    """
    return _DYNAMIC_REFERENCE.sub(lambda match: f"\\x7b{match.group()[1:]}", comment(text))


def survives_cdk(text: str) -> bool:
    """False for text that the AWS CDK changes or refuses: a token, or what CloudFormation changes.

    A token is ``${Token[NAME.1]}``, in lists also ``#{Token[NAME.1]}`` (aws-cdk-lib 2.275,
    ``core/lib/private/encoding``). The CDK puts another value in its place, or ends with
    "Unrecognized token key".
    """
    return survives_cloudformation(text) and _CDK_TOKEN.search(text) is None


def survives_pulumi(text: str) -> bool:
    """False for text that Pulumi's AWS provider changes or takes for a value that is not known yet.

    The provider wraps Terraform's, which normalises texts (:func:`survives_hcl`). The texts for
    unknown values are those of ``pulumi/sdk/go/common/resource/plugin/rpc.go``.
    """
    return survives_hcl(text) and text not in _PULUMI_UNKNOWN


def python(text: str) -> str:
    """A string literal of Python; characters that do not show themselves are code points."""
    return _double_quoted(text, code_point)


def javascript(text: str) -> str:
    """A string literal of JavaScript and TypeScript."""
    return _double_quoted(text, _javascript_code_point)


def _double_quoted(text: str, escaped: Callable[[str], str]) -> str:
    r"""A literal in double quotes. ``##`` is written ``#\x23``: in the log of a pipeline it begins
    no command.
    """
    out = []
    for char in text:
        if char in ('"', "\\"):
            out.append("\\" + char)
        elif is_plain(char):
            out.append(char)
        else:
            out.append(escaped(char))
    return f'"{"".join(out)}"'.replace("##", "#\\x23")


def _javascript_code_point(char: str) -> str:
    """A character by its number (ECMAScript, "String Literals")."""
    if ord(char) < 0x10000:
        return code_point(char)
    return f"\\u{{{ord(char):x}}}"


def shell(text: str) -> str:
    """One word of a POSIX shell command; text that would not show itself needs bash's ``$'…'``.

    Raises ValueError for a NUL, which no argument of a process can hold.
    """
    if "\0" in text:
        raise ValueError("an argument of a command cannot hold a NUL character")
    if all(map(is_plain, text)):
        return shlex.quote(text)
    out = []
    for char in text:
        if char in ("'", "\\"):
            out.append("\\" + char)
        elif is_plain(char):
            out.append(char)
        else:
            out.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogateescape"))
    return f"$'{''.join(out)}'"


def comment(text: str) -> str:
    """The rest of a ``#`` comment line in HCL, YAML or shell: it can neither end the line nor hide
    in it.
    """
    return terminal(text)
