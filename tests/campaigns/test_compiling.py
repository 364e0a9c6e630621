"""E-mails compiled at save and rendered at sending, seen as the contact's mail program sees them."""

import json
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.compiling import (
    DEFAULT_FOOTER_HTML,
    DEFAULT_FOOTER_TEXT,
    CompiledEmail,
    check_marketing,
    compile_email,
    render_email,
)
from campaigns.liquid import Aborted, Missing, RenderFailed, TemplateError
from tests.campaigns.test_liquid import assert_plain

ANN = {
    "contact": {"email": "ann@example.org", "first_name": "Ann", "age": 34, "tags": ["red", "blue"]},
    "event": {"type": "cart.abandoned", "url": "https://shop.example/cart?a=1&b=2", "cart": "c 7"},
    "campaign": {"name": "Welcome"},
    "site": {"name": "Acme", "postal_address": "1 Road"},
    "unsubscribe_url": "https://mail.example/u/T",
}
MESSAGE = {"_click": "https://mail.example/c/T/", "_pixel": "https://mail.example/o/T.gif"}
PIXEL = (
    '<img src="https://mail.example/o/T.gif" width="1" height="1" alt=""'
    ' style="display:block;width:1px;height:1px;border:0">'
)


def compiled(html="<p>Hi</p>", *, subject="Hello", text="", preheader="", known=()):
    return compile_email(subject=subject, preheader=preheader, html=html, text=text, known_links=list(known))


def sent(html="<p>Hi</p>", *, context=ANN, tracked=True, on_missing="fail", **parts):
    email = compiled(html, **parts)
    return render_email(email, context, html_context=MESSAGE, tracked=tracked, on_missing=on_missing)


def body(html, **kwargs):
    """What stands in the body, without the pixel."""
    whole = sent(html, **kwargs).html
    return whole[whole.index("<body>") + 6 : whole.index("</body>")].replace(PIXEL, "")


def test_a_fragment_becomes_a_whole_document():
    assert sent("<style>p{color:red}</style><p>Hi</p>").html == (
        '<!DOCTYPE html><html><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style>p{{color:red}}</style></head><body><p style="color: red;">Hi</p>{PIXEL}</body></html>'
    )


def test_a_document_keeps_what_it_brings():
    whole = sent(
        '<!DOCTYPE html PUBLIC "x"><html lang="de"><head><meta name="viewport" content="w">'
        '<meta http-equiv="Content-Type" content="text/html; charset=utf-8">'
        "<title>T &amp; {{ site.name }}</title>"
        '<link rel="stylesheet" href="https://fonts.example/f.css"></head><body class="b"><p>Hi</body></html>'
    ).html
    assert whole.count("viewport") == 1 and whole.count("charset") == 1 and whole.count("DOCTYPE") == 1
    assert '<html lang="de">' in whole and "<title>T &amp; Acme</title>" in whole and '<body class="b">' in whole
    assert '<link rel="stylesheet" href="https://fonts.example/f.css">' in whole


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        # Styles: into the elements, behind them what the element says itself; rules for screens stay.
        ('<p class="a" style="margin:0">x', '<p class="a" style="margin:0">x</p>'),
        ('<p style="color:{{ contact.tags[0] }}">x</p>', '<p style="color:red">x</p>'),
        ('<p style="{% if contact.age > 3 %}color:red{% endif %}">x</p>', '<p style="color:red">x</p>'),
        ('<p style="no css at all">x</p>', '<p style="no css at all">x</p>'),
        # Liquid that would break an HTML parser.
        ("{% if contact.age < 40 %}<b>y</b>{% endif %}", "<b>y</b>"),
        ('<b title="{% if contact.age < 40 %}<y>{% endif %}">x</b>', '<b title="&lt;y>">x</b>'),
        ('<b title="{{ contact.nick | default: "no \'nick\'" }}">x</b>', "<b title=\"no 'nick'\">x</b>"),
        ("<b title={{ contact.first_name }}>x</b>", '<b title="Ann">x</b>'),
        ("<table>{% for t in contact.tags %}<tr><td>{{ t }}</td></tr>{% endfor %}</table>",)
        + ("<table><tbody><tr><td>red</td></tr><tr><td>blue</td></tr></tbody></table>",),
        ("<table><thead><tr><th>h</th></tr></thead>{% for t in contact.tags %}<tr><td>1{% endfor %}</table>",)
        + (TemplateError,),
        ("<table><tr>{% for t in contact.tags %}<td>{{ t }}</td>{% endfor %}</tr></table>",)
        + ("<table><tbody><tr><td>red</td><td>blue</td></tr></tbody></table>",),
        ("<ul>{% for t in contact.tags %}<li>{{ t }}</li>{% endfor %}</ul>",) + ("<ul><li>red</li><li>blue</li></ul>",),
        ("a{% comment %}<b>{{ secret }}{% endcomment %}b", "ab"),
        ("{% raw %}{{ a }} {% b %}{% endraw %}", "&#123;&#123; a }} &#123;% b %}"),
        ("&#123;&#123; a }}", "&#123;&#123; a }}"),
        ("&#123;{{ contact.age }}", "&#123;34"),
        # What Outlook reads stays untouched.
        ("<!--[if mso]><style>.a{b:c}</style><v:rect href='x'><![endif]-->a",)
        + ("<!--[if mso]><style>.a{b:c}</style><v:rect href='x'><![endif]-->a",),
        # Values are escaped.
        ("{{ event.url }}", "https://shop.example/cart?a=1&amp;b=2"),
        ("lqm0x {{ contact.age }}", "lqm0x 34"),
    ],
)
def test_html_in_html_out(html, expected):
    if expected is TemplateError:
        with pytest.raises(TemplateError, match="must lie in the same element"):
            compiled(html)
    else:
        assert body(html) == expected


def test_styles_are_inlined_and_screen_rules_kept():
    html = "<style>td{padding:2px} p{color:red} @media (max-width:600px){p{color:blue}} p:hover{a:b}</style>"
    whole = sent(html + '<p style="color:{{ contact.tags[1] }}">x</p><table><tr><td>1</td></tr></table>').html
    assert '<p style="color: red;color:blue">' in whole
    assert '<td style="padding: 2px;">' in whole
    assert "@media (max-width:600px){p{color:blue}}" in whole


def test_static_links_are_numbered_and_keep_their_number_for_ever():
    html = '<a href="https://b.example/?x=1&amp;y=2">b</a><a href="http://c.example">c</a><a href="https://a.example">a</a>'
    first = compiled(html)
    assert first.links == ["https://b.example/?x=1&y=2", "http://c.example", "https://a.example"]
    later = compiled('<a href="https://new.example">n</a><a href="http://c.example">c</a>', known=first.links)
    assert later.links == [*first.links, "https://new.example"]
    written = render_email(later, ANN, html_context=MESSAGE, tracked=True)
    assert '<a href="https://mail.example/c/T/3">n</a><a href="https://mail.example/c/T/1">c</a>' in written.html
    assert written.links == []


def test_links_with_liquid_are_collected_for_each_message():
    html = (
        '<a href="{{ event.url }}">1</a>'
        '<a href="https://s.example/{{ event.cart | url_encode }}?x=1&amp;n={{ contact.age }}">2</a>'
        '{% for t in contact.tags %}<a href="https://t.example/{{ t }}">3</a>{% endfor %}'
    )
    mail = sent(html)
    assert mail.links == [
        "https://shop.example/cart?a=1&b=2",
        "https://s.example/c+7?x=1&n=34",
        "https://t.example/red",
        "https://t.example/blue",
    ]
    for number in range(4):
        assert f'<a href="https://mail.example/c/T/d{number}">' in mail.html
    assert compiled(html).links == []


@pytest.mark.parametrize(
    "href",
    [
        "mailto:a@example.org",
        "tel:+491",
        "#top",
        "{{ unsubscribe_url }}",
        "{{unsubscribe_url}}?x=1",
        "mailto:{{ contact.email }}",
    ],
)
def test_some_links_are_never_tracked(href):
    mail = sent(f'<a href="{href}">x</a>')
    assert mail.links == [] and "/c/T/" not in mail.html


def test_an_untracked_contact_gets_plain_links_and_no_pixel():
    html = '<a href="https://a.example/?x=1&amp;y=2">a</a><a href="{{ event.url }}">b</a>'
    mail = sent(html, tracked=False)
    assert '<a href="https://a.example/?x=1&amp;y=2">a</a>' in mail.html
    assert '<a href="https://shop.example/cart?a=1&amp;b=2">b</a></body>' in mail.html
    assert mail.links == [] and "mail.example" not in mail.html


BAD_URLS = [
    "javascript:alert(1)",
    " JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "\x01javascript:x",
    "vbscript:x",
    "data:text/html,x",
]


@pytest.mark.parametrize("url", BAD_URLS + ["file:///etc/passwd", "blob:x", "jav&#x61;script:x"])
def test_a_static_link_must_have_a_safe_scheme(url):
    for html in (f'<a href="{url}">x</a>', f'<img src="{url}">', f'<form action="{url}">'):
        with pytest.raises(TemplateError) as error:
            compiled("\n" + html)
        assert error.value.sentence.startswith("HTML") and "begin it with https://" in error.value.sentence


@pytest.mark.parametrize("url", [*BAD_URLS, "java\nscript:x", "javascript&colon;x", "&#106;avascript:x"])
def test_a_link_with_liquid_is_made_harmless(url):
    context = {**ANN, "event": {"url": url}}
    for html in (
        '<a href="{{ event.url }}">x</a>',
        '<img src="{{ event.url }}">',
        '<a href="{% if 1 %}{{ event.url }}{% endif %}">x',
    ):
        written = body(html, context=context).lower()
        assert 'href="#"' in written or 'src="#"' in written or "javascript:" not in written.replace("&amp;", "&")
        assert "javascript:" not in attributes_of(written)


def attributes_of(html):
    seen = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: seen.extend(value or "" for _, value in attrs)
    parser.feed(html)
    return " ".join(seen)


@pytest.mark.parametrize(
    ("html", "sentence"),
    [
        ("\n\n{% if x %}", "HTML, line 3: {% if %} is never closed"),
        (
            "<p>\n<b {% if contact.a %}title=x{% endif %}>",
            "HTML, line 2: {% if contact.a %} stands inside of an HTML tag",
        ),
        ("<{{ contact.tag }}>x", "{{ contact.tag }} stands inside of an HTML tag"),
        ("a\n<div {{ contact.a }}=1>x</div>", "HTML, line 2: {{ contact.a }} stands inside of an HTML tag"),
        ("<p></p {{ contact.a }}>", "{{ contact.a }} stands inside of an HTML tag"),
        (
            "{% if contact.a %}<div>{% else %}<div class=b>{% endif %}x</div>",
            "HTML, line 1: {% if contact.a %} and {% else %} must lie in the same element",
        ),
        ("<p>{% if contact.a %}<div>x</div>{% endif %}</p>", "must lie in the same element"),
        ('<p title="{% if contact.a %}">x{% endif %}</p>', "must lie in the same element"),
        (
            "<style>{% if contact.a %}p{}{% endif %}</style>",
            "{% if contact.a %} cannot be used inside of <style>",
        ),
        ('<p class="a" class="{{ contact.a }}">x</p>', "{{ contact.a }} stands where no mail program looks"),
        ("x\n<script>alert(1)</script>", "HTML, line 2: <script> does not work in e-mail; remove it."),
        ("<svg><a xlink:href='x'/></svg>", "<svg> does not work in e-mail"),
        ("<iframe src=https://x.example></iframe>", "<iframe> does not work in e-mail"),
        ("<noscript><p>x</p></noscript>", "<noscript> does not work in e-mail"),
        ("\n<p onclick='x()'>a</p>", "HTML, line 2: the attribute onclick does not work in e-mail"),
        ("<meta http-equiv=refresh content=0>", "a mail cannot lead on by itself"),
        ("a\n<a href='x", "HTML, line 2: <a href='x… is never closed"),
        ("a\n<!-- x", "HTML, line 2: a comment <!-- is never closed"),
        ("<style>p{}", "<style> is never closed; add </style>"),
        ('<a href="javascript:{{ contact.a }}">x</a>', "an address must begin with https://"),
        ("<div>" * 200, "elements lie within each other more than 100 deep"),
        ("<br>" * 6000, "there are more than 5,000 elements"),
        ("<style>" + "p{a:b}" * 900 + "</style>" + "<p>x</p>" * 3000, "there are too many styles"),
    ],
)
def test_a_mistake_in_the_html_is_named(html, sentence):
    with pytest.raises(TemplateError) as error:
        compiled(html)
    assert sentence in error.value.sentence
    assert_plain(error.value.sentence)


def test_every_field_is_checked_under_its_name():
    for parts, sentence in (
        ({"subject": "{{ x"}, "Subject: {{ is never closed; add }}."),
        ({"subject": " "}, "Subject: write what the mail is about."),
        ({"preheader": "{% if x %}"}, "Preheader: {% if %} is never closed"),
        ({"text": "a\n{{ x | nope }}"}, "Text, line 2: the filter nope does not exist"),
        ({"html": ""}, "HTML: write the mail"),
    ):
        with pytest.raises(TemplateError) as error:
            compiled(**parts)
        assert sentence in error.value.sentence


def test_the_preheader_is_hidden_behind_the_start_of_the_body():
    mail = sent("<p>Hi</p>", preheader='For <you> & {{ contact.first_name | default: "x" }}')
    style = "display:none;max-height:0;overflow:hidden;mso-hide:all"
    assert f'<body><div style="{style}">For &lt;you&gt; &amp; Ann</div><p>' in mail.html
    assert "For" not in mail.text


TEXT_OF = """\
<style>p{}</style><h1>Dear {{ contact.first_name }}</h1>
<p>Read   <b>this</b> &amp; <a href="https://a.example/?x=1&amp;y=2">that one</a>.<br>Second&nbsp;line</p>
{% if contact.age > 40 %}<p>Old</p>{% endif %}
<ul><li>One</li><li>Two <i>b</i></li></ul><ol><li>First</li><li>Next</li></ol>
<table><tr><td>a</td><td>b</td></tr><tr><td>c</td><td>{{ event.cart | escape }}</td></tr></table>
<ul>{% for t in contact.tags %}<li>{{ t }}</li>{% endfor %}</ul>
<div style="display:none">hidden</div><img src="https://a.example/x.png" alt="A picture"> {x}
{% raw %}{{ y }}{% endraw %}
<hr><p><a href="mailto:a@example.org">Write</a> or <a href="https://b.example">https://b.example</a>,
<a href="{{ unsubscribe_url }}">leave</a></p>
"""


def test_plain_text_is_made_from_the_html():
    assert (
        sent(TEXT_OF).text
        == """\
Dear Ann

Read this & that one (https://a.example/?x=1&y=2).
Second line

- One
- Two b

1. First
2. Next

a b
c c 7

- red

- blue

A picture {x} {{ y }}

----------

Write or https://b.example, leave (https://mail.example/u/T)
"""
    )


def test_a_written_text_stays_as_it_is_written():
    mail = sent(text="Hi {{ contact.first_name }} <b> & https://a.example")
    assert mail.text == "Hi Ann <b> & https://a.example"
    only_text = sent("", text="Hi")
    assert (only_text.html, only_text.text) == ("", "Hi")


def test_the_subject_is_one_line_of_limited_length():
    context = {**ANN, "event": {"name": "a\r\nBcc: x@example.org\u2028b\0"}}
    assert sent(subject="{{ event.name }}\n!", context=context).subject == "a Bcc: x@example.org b !"
    with pytest.raises(RenderFailed, match="subject is longer than 998 bytes"):
        sent(subject="{{ event.name }}", context={**ANN, "event": {"name": "é" * 500}})
    with pytest.raises(RenderFailed, match="subject is empty"):
        sent(subject="{{ event.name }}", context={**ANN, "event": {"name": "\n"}})


def test_missing_values_and_abort_reach_the_caller_from_every_part():
    for parts in (
        {"subject": "{{ contact.x }}"},
        {"html": "{{ contact.x }}"},
        {"text": "{{ contact.x }}"},
        {"preheader": "{{ contact.x }}"},
    ):
        with pytest.raises(Missing) as missing:
            sent(**parts)
        assert missing.value.variable == "contact.x"
        sent(
            **{"subject": "s", **parts, **({"subject": "s{{ contact.x }}"} if "subject" in parts else {})},
            on_missing="blank",
        )
    with pytest.raises(Aborted, match="enough"):
        sent("<p>{% abort 'enough' %}</p>")


def test_a_compiled_email_survives_json():
    email = compiled(TEXT_OF, preheader="{{ contact.age }}")
    assert CompiledEmail.from_json(json.loads(json.dumps(email.to_json()))) == email


def test_variables_and_warnings_name_field_and_line():
    email = compiled(
        "<p>a</p>\n<p>{{ contat.first_name }}{{ contact.age | default: 3 }}</p><a href='www.a.example'>x</a>",
        subject="{{ foo }}",
    )
    assert [(one.field, one.path, one.line, one.has_default) for one in email.variables] == [
        ("Subject", "foo", 1, False),
        ("HTML", "contat.first_name", 2, False),
        ("HTML", "contact.age", 2, True),
    ]
    assert email.warnings == [
        "Subject: `foo` is not known; values begin with contact, event, campaign, site.",
        "HTML, line 2: `contat.first_name` is not known; did you mean contact?",
        "HTML: the link www.a.example leads nowhere; begin it with https://.",
    ]
    assert "Gmail cuts mails off" in compiled("<p>" + "x" * 110_000).warnings[0]


def test_marketing_mail_needs_a_way_to_unsubscribe():
    assert check_marketing("<p>{{ unsubscribe_url }}</p>", "") == []
    assert check_marketing("<p>x</p>" + DEFAULT_FOOTER_HTML, "x" + DEFAULT_FOOTER_TEXT) == []
    [html, text] = check_marketing(
        "{% comment %}{{ unsubscribe_url }}{% endcomment %}", "{% if unsubscribe_url %}x{% endif %}"
    )
    assert html.startswith('HTML: a marketing mail needs a way to unsubscribe; add href="{{ unsubscribe_url }}"')
    assert text.startswith("Text: a marketing mail needs")
    mail = sent("<p>x</p>" + DEFAULT_FOOTER_HTML)
    assert "Unsubscribe (https://mail.example/u/T)" in mail.text
    assert "Acme · 1 Road" in mail.text and '<a href="https://mail.example/u/T">' in mail.html


EVERYWHERE = """<style>p{color:{{ contact.x }}}</style><title>{{ contact.x }}</title>
<p class="{{ contact.x }}" title='{{ contact.x }}' id={{ contact.x }} style="color:{{ contact.x }}">
{{ contact.x }}</p>
<a href="{{ contact.x }}">a</a><a href="https://x.example/{{ contact.x }}">b</a>
<img src="{{ contact.x }}" alt="{{ contact.x }}"><!-- {{ contact.x }} --><textarea>{{ contact.x }}</textarea>
<!--[if mso]><v:x href="{{ contact.x }}"><![endif]-->"""
VALUES = st.text(max_size=40) | st.sampled_from(
    [
        '"><script>x',
        "' onload='x",
        "--><script>",
        "</style><script>",
        "</textarea><b>",
        "</title><b>",
        "javascript:x",
        "]]>",
        "&quot;",
        "{{ x }}",
        "x onload=y",
    ]
)


class Shape(HTMLParser):
    """The elements of a document and the names of their attributes: what a value must never change."""

    def __init__(self, html):
        super().__init__()
        self.seen = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, [name for name, _ in attrs]))
        if tag in ("a", "img"):
            url = dict(attrs).get("href") or dict(attrs).get("src") or ""
            assert not url.strip("".join(map(chr, range(33)))).lower().startswith(("javascript:", "data:", "vbscript:"))

    def handle_endtag(self, tag):
        self.seen.append(tag)

    def handle_comment(self, data):
        self.seen.append("comment")


EVERYWHERE_COMPILED = compile_email(subject="s", html=EVERYWHERE, known_links=[])


@settings(max_examples=300, deadline=None)
@given(VALUES, st.booleans())
def test_no_value_leaves_its_place_in_the_html(value, tracked):
    def shape(x):
        context = {"contact": {"x": x}}
        mail = render_email(EVERYWHERE_COMPILED, context, html_context=MESSAGE, tracked=tracked, on_missing="blank")
        return Shape(mail.html).seen

    try:
        assert shape(value) == shape("x")
    except RenderFailed as failed:
        assert "no mail can carry" in failed.sentence


HOSTILE = {
    "deep": "<div>" * 50_000,
    "deep after end tags of others": "<div></p>" * 25_000,
    "formatting": "".join(f"<b a={i}><p>x" for i in range(3_000)),
    "formatting clones": "".join(f"<b a={i}>" for i in range(90)) + "<p>x</p></b>" * 3_000,
    "attributes": "<a " + " ".join(f"a{i}=''" for i in range(30_000)) + ">",
    "unclosed tags": "<a " * 80_000,
    "unclosed quotes": '<a "' * 60_000,
    "unclosed comments": "<!--" * 60_000,
    "unclosed styles": "<style>" * 30_000,
    "brackets": "<" * 250_000,
    "styles": "<style>" + "".join(f"p{{a{i}:b}}" for i in range(5_000)) + "</style>" + "<p>x</p>" * 4_900,
    "styles that meet": "<style>" + "".join(f"p{{a{i}:b}}" for i in range(990)) + "</style>" + "<p>x</p>" * 990,
    "selectors": "<style>" + "* ~ * ~ * ~ * > p:not(:not(*)) {a}" * 5_000 + "</style>" + "<p>x</p>" * 4_900,
    "tables": "<table><tr><td>" * 3_000,
    "entities": "&" * 250_000,
    "marks": "<p title='{{ 1 }}'>" * 4_900,
    "masks": "lqmqqqqq" * 30_000 + "{{ 1 }}",
    "long links": "{% for i in (1..5000) %}<a href='{{ contact.long }}'></a>{% endfor %}",
    "many links": "{% for i in (1..5000) %}<a href='https://x.example/{{ i }}'></a>{% endfor %}",
}
CHILD = """
import json, re, sys, time
from campaigns.compiling import compile_email, render_email
from campaigns.liquid import RenderFailed, TemplateError
told = {}
for name, source in json.load(sys.stdin).items():
    started = time.perf_counter()
    said = ""
    try:
        email = compile_email(subject="s", html=source, known_links=[])
        render_email(
            email, {"contact": {"long": "https://x.example/" + "x" * 900_000}},
            html_context={"_click": "https://h/", "_pixel": "p"}, tracked=True,
        )
    except (TemplateError, RenderFailed) as error:
        said = str(error)
    told[name] = (said, time.perf_counter() - started)
peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())
print(json.dumps({"told": told, "megabytes": int(peak[1]) / 1024}))
"""


def test_hostile_html_ends_soon_within_little_memory():
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(HOSTILE), capture_output=True, text=True, check=True
    )
    result = json.loads(done.stdout)
    for name, (said, seconds) in result["told"].items():
        assert seconds < 5, (name, seconds)
        if said:
            assert_plain(said)
    assert result["megabytes"] < 400


def test_a_mail_is_rendered_quickly():
    rows = "".join(f"<tr><td>Lorem ipsum dolor sit amet {i}</td></tr>" for i in range(40))
    html = f"<p>{{{{ contact.first_name }}}}, {{{{ contact.age }}}}</p><table>{rows}</table>" + DEFAULT_FOOTER_HTML
    email = compiled(html + '<a href="https://a.example">a</a>')
    started = time.perf_counter()
    for _ in range(200):
        render_email(email, ANN, html_context=MESSAGE, tracked=True)
    assert (time.perf_counter() - started) / 200 < 0.002  # measured: 0.00006, subject, HTML and text
