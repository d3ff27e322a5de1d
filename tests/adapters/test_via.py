"""The value of ``--via``: every form, and what is said of a value that is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.adapters.via import Via, parse_via
from migrator.errors import WrongUse

INSTANCE = "i-0123456789abcdef0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"ssm:{INSTANCE}", Via(INSTANCE)),
        (f"ssm:{INSTANCE}:proxy.internal:3128", Via(INSTANCE, None, "proxy.internal", 3128)),
        (
            "ssm:mi-0123456789abcdef0:10.0.0.5:8888",
            Via("mi-0123456789abcdef0", None, "10.0.0.5", 8888),
        ),
        ("ssm:auto", Via()),
        ("ssm:auto:privoxy.orders.internal:8118", Via(None, None, "privoxy.orders.internal", 8118)),
        ("ssm:tag:Name=bastion", Via(None, ("Name", "bastion"))),
        ("ssm:tag:Name=my bastion:10.0.0.5:80", Via(None, ("Name", "my bastion"), "10.0.0.5", 80)),
        ("ssm:tag:aws:autoscaling:groupName=a/b", Via(None, ("aws:autoscaling:groupName", "a/b"))),
        ("ssm:tag:a:b=c:proxy:1", Via(None, ("a:b", "c"), "proxy", 1)),
        ("ssm:tag:kubernetes.io/cluster/x=owned", Via(None, ("kubernetes.io/cluster/x", "owned"))),
    ],
)
def test_ways_in(text: str, expected: Via) -> None:
    assert parse_via(text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not begin with ssm:"),
        ("auto", "does not begin with ssm:"),
        (f"ssh:{INSTANCE}", "does not begin with ssm:"),
        ("ssm:", "After ssm: stands nothing"),
        ("ssm:web-1", "After ssm: stands web-1"),
        ("ssm:AUTO", "After ssm: stands AUTO"),
        (f"ssm:{INSTANCE}:host", "one of them is missing"),
        ("ssm:auto:8118", "one of them is missing"),
        (f"ssm:{INSTANCE}:h:0", "The port is 0"),
        (f"ssm:{INSTANCE}:h:99999", "The port is 99999"),
        (f"ssm:{INSTANCE}:h:x", "The port is x"),
        (f"ssm:{INSTANCE}:h:", "The port is empty"),
        (f"ssm:{INSTANCE}::80", "The host of the proxy is empty"),
        (f"ssm:{INSTANCE}:-x y:1", "The host of the proxy is -x y"),
        ("ssm:tag:", "The tag is empty"),
        ("ssm:tag:Name", "The tag is Name"),
        ("ssm:tag:=x", "The tag is =x"),
        ("ssm:tag:Name:h:1", "The tag is Name"),
        ("ssm:tag:Name=b:host", "The tag is Name=b:host"),
        ("ssm:tag:Name=b;rm:h:1", "The tag is Name=b;rm"),
    ],
)
def test_what_names_no_way_in_is_said_with_what_is_wrong(text: str, why: str) -> None:
    with pytest.raises(WrongUse) as caught:
        parse_via(text)
    assert caught.value.code == "via-malformed"
    assert why in caught.value.why


@given(
    st.one_of(
        st.none(),
        st.tuples(
            st.text("aZ9:/.-_", min_size=1, max_size=12),
            st.text("aZ9/.-_ =", max_size=12),
        ),
    ),
    st.one_of(
        st.tuples(st.none(), st.none()),
        st.tuples(st.sampled_from(["h", "10.0.0.5", "a-b.c"]), st.integers(1, 65535)),
    ),
)
def test_what_is_written_is_read(
    tag: tuple[str, str] | None, proxy: tuple[str | None, int | None]
) -> None:
    target = "auto" if tag is None else f"tag:{tag[0]}={tag[1]}"
    behind = "" if proxy[0] is None else f":{proxy[0]}:{proxy[1]}"
    assert parse_via(f"ssm:{target}{behind}") == Via(None, tag, *proxy)


@given(st.text(max_size=60))
def test_any_text_is_a_way_in_or_refused(text: str) -> None:
    for value in (text, f"ssm:{text}", f"ssm:tag:{text}"):
        try:
            found = parse_via(value)
        except WrongUse as refused:
            assert refused.why
        else:
            assert found.proxy_port is None or 0 < found.proxy_port < 65536
