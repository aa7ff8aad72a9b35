"""Attachments: begun, uploaded, checked, given out; refused with a reason; gone when their time is over."""

import json
from datetime import timedelta
from secrets import token_bytes
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sesame.domain.attachments import Attachment, AttachmentState, Side
from sesame.domain.file_contents import FileFault, FileType
from sesame.platform.errors import NotFound, TooManyRequests
from sesame.services.attachment_removal import AttachmentRemoval
from sesame.services.attachments import (
    AttachmentChecking,
    AttachmentDesk,
    NotAttachable,
    Uploader,
)
from sesame.store.attachments import Attachments
from sesame.store.table import ConditionFailed, transact
from tests.conftest import FrozenClock
from tests.integration.aws_calls import count_calls
from tests.integration.conftest import ROOT
from tests.integration.entries import load, prepare
from tests.integration.leaks import found_in
from tests.unit.test_file_contents import PICTURES

TENANT = Uploader(side=Side.TENANT, id="person-1")
STAFF = Uploader(side=Side.STAFF, id="staff-1")
LEASE, RESIDENCE = "lease-1", "les-tilleuls-75013"
DAY = timedelta(days=1)


class Post:
    """Where files come in."""

    def __init__(self, aws: Any, clock: FrozenClock) -> None:
        self.aws, self.clock = aws, clock
        self.store = Attachments(aws.documents)
        self.desk = AttachmentDesk(
            attachments=self.store, s3=aws.s3, bucket=aws.bucket, clock=clock, random=token_bytes
        )
        self.checking = AttachmentChecking(attachments=self.store, s3=aws.s3, bucket=aws.bucket)
        self.removal = AttachmentRemoval(attachments=self.store, s3=aws.s3, bucket=aws.bucket)

    def begin(self, name: str = "fuite.jpg", by: Uploader = TENANT) -> Attachment:
        return self.desk.begin(LEASE, RESIDENCE, by, name).attachment

    def put(self, attachment: Attachment, content: bytes) -> None:
        """What the browser's form does (the form itself is tried on the local AWS)."""
        self.aws.s3.put_object(Bucket=self.aws.bucket, Key=attachment.upload_key, Body=content)

    def check(self, attachment: Attachment) -> Attachment:
        self.desk.uploaded(attachment)
        self.checking.check(LEASE, attachment.attachment_id)
        return self.get(attachment)

    def sent(self, content: bytes, name: str = "fuite.jpg", by: Uploader = TENANT) -> Attachment:
        attachment = self.begin(name, by)
        self.put(attachment, content)
        return self.check(attachment)

    def get(self, attachment: Attachment) -> Attachment:
        found = self.store.get(LEASE, attachment.attachment_id)
        assert found is not None
        return found

    def attach(self, *attachments: Attachment, by: Uploader = TENANT, days: int = 100) -> None:
        ids = [one.attachment_id for one in attachments]
        found = [self.store.get(LEASE, one) for one in ids]
        until = self.clock() + days * DAY
        transact(self.aws.dynamodb, self.desk.attaching(ids, found, by, to="message-1", keep_until=until))

    def keys(self) -> set[str]:
        listed = self.aws.s3.list_objects_v2(Bucket=self.aws.bucket).get("Contents", [])
        return {one["Key"] for one in listed}


@pytest.fixture
def post(aws: Any, clock: FrozenClock) -> Post:
    return Post(aws, clock)


def test_a_form_takes_one_file_of_a_bounded_size_at_a_random_place(post: Post) -> None:
    with count_calls(post.aws.dynamodb) as calls:
        upload = post.desk.begin(LEASE, RESIDENCE, TENANT, "C:\\fakepath\\Nguyễn fuite.jpg")

    assert calls == ["GetItem", "TransactWriteItems"]
    assert upload.fields["key"] == upload.attachment.upload_key
    assert upload.attachment.attachment_id in upload.fields["key"]
    assert upload.attachment.file_name == "Nguyễn fuite.jpg"
    assert upload.expires_at == post.clock() + timedelta(minutes=15)
    assert "x-amz-server-side-encryption" not in upload.fields  # the bucket's own key, and no other


def test_a_file_that_passes_is_kept_elsewhere_and_given_by_a_link_of_five_minutes(post: Post) -> None:
    accepted = post.sent(PICTURES["jpeg"], "Nguyễn fuite.PNG")

    assert (accepted.state, accepted.file_type) == (AttachmentState.ACCEPTED, FileType.JPEG)
    assert post.keys() == {accepted.object_key}
    stored = post.aws.s3.get_object(Bucket=post.aws.bucket, Key=accepted.object_key)
    assert stored["ContentType"] == "image/jpeg"
    assert stored["ContentDisposition"] == (
        "attachment; filename=\"Nguyen fuite.jpg\"; filename*=UTF-8''Nguy%E1%BB%85n%20fuite.jpg"
    )
    assert accepted.size == len(stored["Body"].read()) < len(PICTURES["jpeg"])
    link = post.desk.link(accepted)
    assert link is not None
    assert parse_qs(urlsplit(link).query)["X-Amz-Expires"] == ["300"]
    assert found_in(link, {"name": {"Nguyễn", "fuite"}}) == {}


def test_a_file_that_does_not_pass_is_deleted_and_says_why(post: Post) -> None:
    refused = post.sent(b"MZ\x90\x00", "facture.pdf")

    assert (refused.state, refused.refused_because) == (AttachmentState.REFUSED, FileFault.UNKNOWN_TYPE)
    assert post.keys() == set()
    assert post.desk.link(refused) is None
    with pytest.raises(NotAttachable) as failure:
        post.attach(refused)
    assert "PDF" in str(failure.value.errors)


def test_a_file_that_never_came_is_missing(post: Post) -> None:
    assert post.check(post.begin()).refused_because is FileFault.MISSING


def test_a_check_may_come_twice_and_before_or_after_its_end(post: Post) -> None:
    attachment = post.begin()
    post.put(attachment, PICTURES["png"])
    post.checking.check(LEASE, attachment.attachment_id)
    assert post.get(attachment).state is AttachmentState.WAITING  # nobody said that it is there

    accepted = post.check(attachment)
    post.put(attachment, b"MZ\x90\x00")  # the form is still good for a while
    post.checking.check(LEASE, attachment.attachment_id)

    assert post.get(attachment) == accepted
    assert post.desk.uploaded(accepted) == accepted


def test_the_queues_function_checks_what_a_real_event_names_and_the_schedules_removes_what_is_due(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(post.aws, monkeypatch)
    attachment = post.begin()
    post.put(attachment, PICTURES["webp"])
    post.desk.uploaded(attachment)
    event = (ROOT / "events" / "queue-attachment.json").read_text("utf-8")
    named = event.replace("0123456789abcdefghjkmnpqrs", LEASE).replace(
        "0123456789abcdefghjkmnpqrt", attachment.attachment_id
    )

    assert load("attachments/check").handler(json.loads(named), None) == {"batchItemFailures": []}

    assert post.get(attachment).state is AttachmentState.ACCEPTED
    schedule = json.loads((ROOT / "events" / "schedule.json").read_text("utf-8"))
    monkeypatch.setattr("sesame.platform.clock.utc_now", lambda: post.clock() + 2 * DAY)
    remove = load("attachments/remove").handler
    assert remove(schedule, None) == {"removed": 0}  # that day it was still kept
    assert remove({}, None) == {"removed": 1}


def test_a_check_that_died_on_its_way_is_made_again(post: Post) -> None:
    attachment = post.begin()
    post.put(attachment, PICTURES["png"])
    post.desk.uploaded(attachment)
    post.aws.s3.put_object(Bucket=post.aws.bucket, Key=attachment.object_key, Body=b"half")

    assert post.check(attachment).state is AttachmentState.ACCEPTED


def test_what_was_erased_while_it_was_checked_leaves_nothing(post: Post) -> None:
    attachment = post.begin()
    post.put(attachment, PICTURES["png"])
    post.desk.uploaded(attachment)

    class Meanwhile:
        def __getattr__(self, name: str) -> Any:
            if name == "put_object":
                post.removal.remove(attachment)
            return getattr(post.aws.s3, name)

    AttachmentChecking(attachments=post.store, s3=Meanwhile(), bucket=post.aws.bucket).check(
        LEASE, attachment.attachment_id
    )

    assert post.keys() == set()
    assert post.store.get(LEASE, attachment.attachment_id) is None


def test_an_attachment_is_used_once_by_who_sent_it(post: Post) -> None:
    accepted = post.sent(PICTURES["png"])

    with pytest.raises(NotAttachable):
        post.attach(accepted, by=STAFF)
    with pytest.raises(NotAttachable):
        post.attach(accepted, accepted)
    post.attach(accepted)
    with pytest.raises(NotAttachable):
        post.attach(accepted)
    again = post.store.attaching(accepted, "message-2", keep_until=post.clock(), at=post.clock())
    with pytest.raises(ConditionFailed):
        transact(post.aws.dynamodb, [again])


def test_one_that_is_attached_before_its_sender_says_it_is_there_is_checked(post: Post) -> None:
    attachment = post.begin()
    post.put(attachment, PICTURES["png"])

    post.attach(attachment)

    item = post.aws.documents.get(post.store.key(LEASE, attachment.attachment_id))
    assert item["announce"]["type"] == "attachment.uploaded"
    post.checking.check(LEASE, attachment.attachment_id)
    assert post.get(attachment).state is AttachmentState.ACCEPTED
    assert post.get(attachment).attached_to == "message-1"


def test_the_other_side_sees_what_was_attached_and_nothing_else(post: Post) -> None:
    accepted = post.sent(PICTURES["png"], by=STAFF)

    with pytest.raises(NotFound):
        post.desk.of(LEASE, accepted.attachment_id, Side.TENANT)
    with pytest.raises(NotFound):
        post.desk.of("another-lease", accepted.attachment_id, Side.STAFF)
    post.attach(accepted, by=STAFF)

    assert post.desk.of(LEASE, accepted.attachment_id, Side.TENANT).attached_to == "message-1"


def test_uploads_are_so_many_an_hour_and_the_wait_is_told(post: Post) -> None:
    for _ in range(20):
        post.begin()
        post.clock.advance(timedelta(minutes=1))

    with pytest.raises(TooManyRequests) as refused:
        post.begin()
    assert refused.value.headers["Retry-After"] == str(40 * 60)

    post.clock.advance(timedelta(minutes=40))
    post.begin()


def test_what_is_attached_to_nothing_goes_after_a_day_and_the_rest_when_it_is_due(post: Post) -> None:
    loose, kept = post.sent(PICTURES["png"]), post.sent(PICTURES["jpeg"])
    post.attach(kept, days=100)

    post.clock.advance(DAY - timedelta(seconds=1))
    assert post.removal.run(post.clock()) == 0
    post.clock.advance(timedelta(seconds=2))
    with pytest.raises(NotFound):  # over, whether or not the job was there
        post.desk.of(LEASE, loose.attachment_id, Side.TENANT)
    assert post.removal.run(post.clock()) == 1
    assert post.keys() == {kept.object_key}
    assert post.store.get(LEASE, loose.attachment_id) is None

    post.clock.advance(99 * DAY)
    assert post.removal.run(post.clock()) == 1
    assert post.keys() == set()
    assert list(post.store.of_lease(LEASE)) == []
