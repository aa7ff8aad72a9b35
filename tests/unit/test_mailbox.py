"""The local mailbox shows what was sent, and runs none of it."""

from typing import Any

from local.mailbox import mails_of, page, texts_of


def message(subject: str, *, to: str = "Zoé Lefèvre <zoe@example.org>", **parts: Any) -> dict[str, Any]:
    return {
        "MessageId": subject,
        "Source": "sesame@residences.example",
        "To": [to],
        "Subject": subject,
        "BodyText": "Bonjour",
        "BodyHtml": None,
        "Timestamp": 1788249600.25,
    } | parts


def test_the_newest_mail_comes_first() -> None:
    mails = mails_of([message("first"), message("second"), message("third")])

    assert [mail["subject"] for mail in mails] == ["third", "second", "first"]


def test_a_mail_names_its_address_without_the_display_name() -> None:
    (mail,) = mails_of([message("hello")])

    assert mail == {
        "to": "zoe@example.org",
        "subject": "hello",
        "text": "Bonjour",
        "html": "",
        "sent_at": "2026-09-01T08:00:00.250+00:00",
    }


def test_mails_to_one_address_can_be_asked_for_whatever_its_case() -> None:
    messages = [message("mine", to="zoe@example.org"), message("yours", to="oumar@example.org")]

    assert [mail["subject"] for mail in mails_of(messages, "Zoe@Example.org")] == ["mine"]
    assert mails_of(messages, "example.org") == []


def test_the_page_escapes_everything_and_lets_a_mail_run_nothing() -> None:
    mails = mails_of(
        [
            message(
                "<script>alert(1)</script>",
                BodyText="</pre><script>alert(2)</script>",
                BodyHtml="\"'><script>alert(3)</script>",
            )
        ]
    )

    shown = page(mails).decode()

    assert "<script" not in shown
    assert "<iframe sandbox title=" in shown
    assert "&quot;&#x27;&gt;&lt;script&gt;alert(3)" in shown


def test_an_empty_mailbox_says_so() -> None:
    assert "No e-mail yet" in page([]).decode()


def test_the_newest_text_to_a_number_comes_first_and_is_escaped_on_the_page() -> None:
    records = {
        "+33639981234": [{"Message": "first"}, {"Message": "<b>second</b>"}],
        "+33639985678": [{"Message": "another"}],
    }

    texts = texts_of(records, "+33639981234")

    assert [one["text"] for one in texts] == ["<b>second</b>", "first"]
    assert {one["to"] for one in texts} == {"+33639981234"}
    assert len(texts_of(records)) == 3
    shown = page([], texts).decode()
    assert "&lt;b&gt;second" in shown
    assert "another" not in shown
