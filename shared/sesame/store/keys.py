"""Every key of every table. docs/data-model.md says which access pattern each serves."""

from sesame.store.table import Key

GSI1 = "gsi1"


def residences() -> str:
    """Partition of all residences of the operator (about 2,000 items at most)."""
    return "RESIDENCES"


def residence(residence_id: str) -> Key:
    """A residence's settings."""
    return {"pk": residences(), "sk": residence_id}


def person(person_id: str) -> Key:
    """A person's profile."""
    return {"pk": f"PERSON#{person_id}", "sk": "PROFILE"}


def person_lease(person_id: str, lease_id: str) -> Key:
    """Points from a person to one of their leases."""
    return {"pk": f"PERSON#{person_id}", "sk": f"LEASE#{lease_id}"}


def person_session(person_id: str, session_hash: str) -> Key:
    """A session, beside its person so that all of them are listed by one query."""
    return {"pk": f"PERSON#{person_id}", "sk": f"SESSION#{session_hash}"}


def sessions_of(person_id: str) -> tuple[str, str]:
    """Partition of a person's sessions, and what their sort keys begin with."""
    return person(person_id)["pk"], "SESSION#"


def person_erasure(person_id: str) -> Key:
    """A person's wish to be erased."""
    return {"pk": f"PERSON#{person_id}", "sk": "ERASURE"}


def person_export(person_id: str) -> Key:
    """Points from a person to the last export of their data (operations table)."""
    return {"pk": f"PERSON#{person_id}", "sk": "EXPORT"}


def exports_of_person(person_id: str) -> str:
    """Partition, on the first index of the operations table, of a person's exports."""
    return f"EXPORTS#{person_id}"


def data_export(export_id: str) -> Key:
    """An export of a person's data, from request to file."""
    return {"pk": f"EXPORT#{export_id}", "sk": "EXPORT"}


def erasures() -> str:
    """Partition, on the first index, of the erasures to come, by when: some, never many."""
    return "ERASURES"


def lease(lease_id: str) -> Key:
    """A lease."""
    return {"pk": f"LEASE#{lease_id}", "sk": "LEASE"}


def lease_change(lease_id: str, change_id: str) -> Key:
    """What somebody decided of a lease, beside it."""
    return {"pk": lease(lease_id)["pk"], "sk": f"CHANGE#{change_id}"}


def arrival(lease_id: str) -> Key:
    """The day on which a lease's tenant comes."""
    return {"pk": f"LEASE#{lease_id}", "sk": "ARRIVAL"}


def departure(lease_id: str) -> Key:
    """The day on which a lease's tenant leaves."""
    return {"pk": f"LEASE#{lease_id}", "sk": "DEPARTURE"}


def moves(residence_id: str) -> str:
    """Partition, on the first index, of a residence's arrivals and departures, by day."""
    return f"MOVES#{residence_id}"


def code(code_hash: str) -> Key:
    """Looks a lease up by its tenant code."""
    return {"pk": f"CODE#{code_hash}", "sk": "LOOKUP"}


def ine(ine_hash: str) -> Key:
    """Looks a person up by INE."""
    return {"pk": f"INE#{ine_hash}", "sk": "LOOKUP"}


def email(email_hash: str, person_id: str) -> Key:
    """Looks persons up by e-mail; several may share one."""
    return {"pk": f"EMAIL#{email_hash}", "sk": f"PERSON#{person_id}"}


def phone(phone_hash: str, person_id: str) -> Key:
    """Looks persons up by phone; several may share one."""
    return {"pk": f"PHONE#{phone_hash}", "sk": f"PERSON#{person_id}"}


def tenant_reference(reference: str) -> Key:
    """Holds a tenant reference, and looks its lease up."""
    return {"pk": f"TENANTREF#{reference}", "sk": "LOOKUP"}


def lease_reference(reference: str) -> Key:
    """Holds an operator's lease reference, and looks its lease up."""
    return {"pk": f"LEASEREF#{reference}", "sk": "LOOKUP"}


def challenge(challenge_id: str) -> Key:
    """A sign-in, a recovery or a welcome link under way."""
    return {"pk": f"CHALLENGE#{challenge_id}", "sk": "CHALLENGE"}


def live_codes(person_id: str) -> Key:
    """Which one-time codes of a person are in force, and when the last ones were sent."""
    return {"pk": f"PERSON#{person_id}", "sk": "CODES"}


def asked(identity_hash: str) -> Key:
    """How often an identity, as it was typed, was tried lately."""
    return {"pk": f"ASKED#{identity_hash}", "sk": "ASKED"}


def birth_dates(contact_hash: str) -> Key:
    """Which birth dates were tried for a contact lately, by their hashes."""
    return {"pk": f"ASKED#{contact_hash}", "sk": "BIRTH_DATES"}


def source(source_hash: str, hour: str) -> Key:
    """Failures behind a network address within an hour."""
    return {"pk": f"SOURCE#{source_hash}", "sk": hour}


def staff(staff_id: str) -> Key:
    """Which residences a member of staff may see."""
    return {"pk": f"STAFF#{staff_id}", "sk": "STAFF"}


def all_staff() -> str:
    """Partition, on the first index, of the staff records, by id."""
    return "STAFF"


def account(lease_id: str) -> Key:
    """A lease's account: the journal's checkpoint."""
    return {"pk": f"ACCOUNT#{lease_id}", "sk": "ACCOUNT"}


def notice(lease_id: str, period: str, number: int = 1) -> Key:
    """A rent notice, which is its own debit entry. `period` is YYYY-MM; the second one of it has number 2."""
    again = f"#{number}" if number > 1 else ""
    return {"pk": f"ACCOUNT#{lease_id}", "sk": f"NOTICE#{period}{again}"}


def entry(lease_id: str, entry_id: str) -> Key:
    """A journal entry."""
    return {"pk": f"ACCOUNT#{lease_id}", "sk": f"ENTRY#{entry_id}"}


def payment_plans(lease_id: str) -> str:
    """Partition of the payment plans that were agreed for a lease."""
    return f"PLANS#{lease_id}"


def payment_plan(lease_id: str, plan_id: str) -> Key:
    """A payment plan."""
    return {"pk": payment_plans(lease_id), "sk": f"PLAN#{plan_id}"}


def message_allowance(person_id: str, day: str, channel: str) -> Key:
    """Who wrote to a person by a channel on a day (YYYY-MM-DD) of the residence (operations table)."""
    return {"pk": f"PERSON#{person_id}", "sk": f"WRITTEN#{day}#{channel}"}


def adjustment(lease_id: str, adjustment_id: str) -> Key:
    """What staff asked to be added to a notice, kept so that a repeat is the same."""
    return {"pk": f"ACCOUNT#{lease_id}", "sk": f"ADJUSTMENT#{adjustment_id}"}


def payment(payment_id: str) -> Key:
    """A payment."""
    return {"pk": f"PAYMENT#{payment_id}", "sk": "PAYMENT"}


def payment_flags(payment_id: str) -> Key:
    """Finds a payment that staff should look at."""
    return {"pk": f"PAYMENT#{payment_id}", "sk": "FLAGS"}


def flagged_payments(residence_id: str) -> str:
    """Partition, on the first index, of a residence's payments that staff should look at, by time: that of
    its open refund requests, so that one query reads both."""
    return open_refunds(residence_id)


def refunds_of(lease_id: str) -> str:
    """Partition of a lease's refund requests."""
    return f"REFUNDS#{lease_id}"


def refund(lease_id: str, refund_id: str) -> Key:
    """A refund request."""
    return {"pk": refunds_of(lease_id), "sk": f"REFUND#{refund_id}"}


def open_refund(lease_id: str) -> Key:
    """Holds the place of a lease's one open refund request."""
    return {"pk": refunds_of(lease_id), "sk": "OPEN"}


def open_refunds(residence_id: str) -> str:
    """Partition, on the first index, of a residence's open refund requests, by time."""
    return f"REFUNDS#{residence_id}"


def payment_link(link_id: str) -> Key:
    """What somebody else may pay for a lease."""
    return {"pk": f"PAYMENTLINK#{link_id}", "sk": "LINK"}


def delivery(provider: str, delivery_id: str) -> Key:
    """A provider's raw delivery."""
    return {"pk": f"DELIVERY#{provider}#{delivery_id}", "sk": "DELIVERY"}


def idempotency(lease_id: str, key_hash: str) -> Key:
    """A caller's Idempotency-Key."""
    return {"pk": f"IDEMPOTENCY#{lease_id}#{key_hash}", "sk": "REQUEST"}


def document(document_id: str) -> Key:
    """A document, from request to file."""
    return {"pk": f"DOCUMENT#{document_id}", "sk": "DOCUMENT"}


def verification(verification_code: str) -> Key:
    """Looks a document up by what is printed on it."""
    return {"pk": f"VERIFICATION#{verification_code}", "sk": "LOOKUP"}


def document_file(digest: str) -> Key:
    """Looks a document up by the SHA-256 (hex) of its sealed file."""
    return {"pk": f"FILE#{digest}", "sk": "LOOKUP"}


def document_flag(document_id: str) -> Key:
    """Finds a document that staff should look at."""
    return {"pk": f"DOCUMENT#{document_id}", "sk": "FLAG"}


def flagged_documents(residence_id: str) -> str:
    """Partition, on the first index, of a residence's documents that staff should look at, by time: that of
    its threads, so that one query tells what waits of both."""
    return threads_of_residence(residence_id)


def facts(lease_id: str, kind: str, digest: str) -> Key:
    """Finds the document that already states the same facts."""
    return {"pk": f"LEASE#{lease_id}", "sk": f"FACTS#{kind}#{digest}"}


def lease_import(import_id: str) -> Key:
    """A file of leases taken in."""
    return {"pk": f"IMPORT#{import_id}", "sk": "IMPORT"}


def lease_import_chunk(import_id: str, number: int) -> Key:
    """What became of some rows of a file."""
    return {"pk": f"IMPORT#{import_id}", "sk": f"CHUNK#{number:05}"}


def worked_file(sha256: str) -> str:
    """Partition of the chunks of a file, known by its bytes, that were worked through."""
    return f"WORKEDFILE#{sha256}"


def worked_chunk(sha256: str, kind: str, number: int, import_id: str) -> Key:
    """A chunk of a file that an import worked through."""
    return {"pk": worked_file(sha256), "sk": f"{kind}#{number:05}#{import_id}"}


def document_run(run_id: str) -> Key:
    """A run of a residence's documents for a month."""
    return {"pk": f"DOCRUN#{run_id}", "sk": "RUN"}


def document_run_page(run_id: str, number: int) -> Key:
    """What became of some leases of a run."""
    return {"pk": f"DOCRUN#{run_id}", "sk": f"PAGE#{number:05}"}


def document_run_under_way(residence_id: str, month: str, kind: str) -> Key:
    """Points to the run that is at work on a residence's month, if one is."""
    return {"pk": f"DOCRUNS#{residence_id}", "sk": f"{month}#{kind}"}


def message(message_id: str) -> Key:
    """An e-mail, from queued to delivered."""
    return {"pk": f"MESSAGE#{message_id}", "sk": "MESSAGE"}


def message_again(message_id: str) -> Key:
    """When a message is to be looked at again, and the event that calls for it."""
    return {"pk": f"MESSAGE#{message_id}", "sk": "AGAIN"}


def messages_again() -> str:
    """Partition, on the first index, of the messages to be looked at again, by when."""
    return "AGAIN"


def closed_tasks(lease_id: str) -> str:
    """Partition, on the first index, of a lease's closed tasks, by when they were raised."""
    return f"CLOSEDTASKS#{lease_id}"


def task(task_id: str) -> Key:
    """Something that staff should see to (operations table)."""
    return {"pk": f"TASK#{task_id}", "sk": "TASK"}


def open_tasks(residence_id: str) -> str:
    """Partition, on the first index, of what the staff of a residence should see to, by time."""
    return f"TASKS#{residence_id}"


def calendar_feed(token_hash: str) -> Key:
    """A calendar feed, by the hash of its token."""
    return {"pk": f"CALENDARFEED#{token_hash}", "sk": "FEED"}


def calendar_feed_of(person_id: str, lease_id: str) -> Key:
    """Points from a person's lease to its calendar feed."""
    return {"pk": f"PERSON#{person_id}", "sk": f"CALENDAR#{lease_id}"}


def run(job: str, day: str) -> Key:
    """A scheduled job's run."""
    return {"pk": runs(job), "sk": day}


def audit_of(subject: str) -> str:
    """Partition of what was done to a lease, or by a member of staff without one, by time."""
    return f"AUDIT#{subject}"


def audit(subject: str, at: str, entry_id: str) -> Key:
    """An audit entry."""
    return {"pk": audit_of(subject), "sk": f"{at}#{entry_id}"}


def audit_of_residence(residence_id: str, month: str) -> str:
    """Partition, on the first index, of what was done in a residence within a month (YYYY-MM), by time."""
    return f"AUDITED#{residence_id}#{month}"


def leases_of_residence(residence_id: str) -> str:
    """Partition, on the first index, of a residence's leases."""
    return f"RESIDENCE#{residence_id}"


def messages_of_lease(lease_id: str) -> str:
    """Partition, on the first index, of what was sent about a lease, by time."""
    return f"LEASE#{lease_id}"


def arrears(residence_id: str) -> Key:
    """What a residence's tenants owed last night, by due date (operations table)."""
    return {"pk": f"ARREARS#{residence_id}", "sk": "ARREARS"}


def documents_of_lease(lease_id: str) -> str:
    """Partition, on the first index, of a lease's documents, by time."""
    return f"LEASE#{lease_id}"


def payments_of_lease(lease_id: str) -> str:
    """Partition, on the first index, of a lease's payments, by time."""
    return f"ACCOUNT#{lease_id}"


def unposted(shard: int) -> str:
    """Partition, on the first index, of deliveries that wait to be posted, by time."""
    return f"UNPOSTED#{shard}"


def under_review() -> str:
    """Partition, on the first index, of deliveries that staff must look at, by time."""
    return "REVIEW"


def dismissed() -> str:
    """Partition, on the first index, of deliveries that staff found to be none of ours, by time."""
    return "DISMISSED"


def persons_by(kind: str, digest: str) -> str:
    """Partition of the persons with a contact: `kind` is `email`, `phone` or `ine`."""
    return f"{kind.upper()}#{digest}"


def due_accounts(residence_id: str) -> str:
    """Partition, on the first index, of a residence's accounts with something unpaid, by their next step."""
    return f"DUE#{residence_id}"


def taking(taking_id: str) -> Key:
    """Money received without a provider."""
    return {"pk": f"TAKING#{taking_id}", "sk": "TAKING"}


def takings_of_lease(lease_id: str) -> str:
    """Partition, on the first index, of a lease's takings, by when they were recorded."""
    return f"TAKINGS#{lease_id}"


def till(residence_id: str, day: str) -> str:
    """Partition of what a residence's desk took and gave on a day of its calendar (YYYY-MM-DD)."""
    return f"TILL#{residence_id}#{day}"


def till_line(residence_id: str, day: str, line_id: str) -> Key:
    """A line of a day's till."""
    return {"pk": till(residence_id, day), "sk": line_id}


def deposit(lease_id: str) -> Key:
    """A lease's deposit: what is held of it."""
    return {"pk": f"DEPOSIT#{lease_id}", "sk": "DEPOSIT"}


def deposit_return(lease_id: str, return_id: str) -> Key:
    """A deposit given back, with its deductions."""
    return {"pk": f"DEPOSIT#{lease_id}", "sk": f"RETURN#{return_id}"}


def reconciliation_mark(provider: str) -> Key:
    """How far we have asked a provider what happened (operations table)."""
    return {"pk": f"MARK#{provider}", "sk": "MARK"}


def reconciliation(day: str) -> str:
    """Partition of what a day's reconciliation found (operations table)."""
    return f"RECONCILIATION#{day}"


def provider_finding(day: str, provider: str, page: str) -> Key:
    """What a page of a provider's events held that we had not."""
    return {"pk": reconciliation(day), "sk": f"PROVIDER#{provider}#{page}"}


def residence_finding(day: str, residence_id: str, page: str) -> Key:
    """How a page of a residence's accounts compared with their journals."""
    return {"pk": reconciliation(day), "sk": f"RESIDENCE#{residence_id}#{page}"}


def runs(job: str) -> str:
    """Partition of a scheduled job's runs, by day."""
    return f"RUN#{job}"


def expected_aid(lease_id: str) -> Key:
    """The housing aid that a lease's tenant is expected to get a month."""
    return {"pk": f"AID#{lease_id}", "sk": "EXPECTED"}


def aid_paid(lease_id: str, period: str, taking_id: str) -> Key:
    """Aid that came for a month; a back payment is one more."""
    return {"pk": f"AID#{lease_id}", "sk": f"PAID#{period}#{taking_id}"}


# --- Social files, enrolments, renewals (identity table, but for the marks)


def social_file(person_id: str, year: str) -> Key:
    """A person's social file of an academic year (`2026-2027`)."""
    return {"pk": f"PERSON#{person_id}", "sk": f"SOCIALFILE#{year}"}


def social_files_of(person_id: str) -> tuple[str, str]:
    """Partition of a person's social files, and what their sort keys begin with."""
    return person(person_id)["pk"], "SOCIALFILE#"


def social_files_of_residence(residence_id: str) -> str:
    """Partition, on the first index, of a residence's social files, by year and state."""
    return f"SOCIALFILES#{residence_id}"


def enrolment(person_id: str, year: str, university_id: str) -> Key:
    """A person's enrolment at a university for an academic year."""
    return {"pk": f"PERSON#{person_id}", "sk": f"ENROLMENT#{year}#{university_id}"}


def enrolments_of(person_id: str) -> tuple[str, str]:
    """Partition of a person's enrolments, and what their sort keys begin with."""
    return person(person_id)["pk"], "ENROLMENT#"


def renewal_campaigns() -> str:
    """Partition of the operator's renewal campaigns: some a year."""
    return "RENEWALCAMPAIGNS"


def renewal_campaign(campaign_id: str) -> Key:
    """A renewal campaign."""
    return {"pk": renewal_campaigns(), "sk": campaign_id}


def renewal(lease_id: str, campaign_id: str) -> Key:
    """A lease's renewal in a campaign."""
    return {"pk": f"LEASE#{lease_id}", "sk": f"RENEWAL#{campaign_id}"}


def warning(lease_id: str, warning_id: str) -> Key:
    """A warning that a lease's tenant was given."""
    return {"pk": f"LEASE#{lease_id}", "sk": f"WARNING#{warning_id}"}


def renewals_of_residence(residence_id: str, campaign_id: str) -> str:
    """Partition, on the first index, of a residence's renewals in a campaign, by state."""
    return f"RENEWALS#{residence_id}#{campaign_id}"


def renewal_marks(campaign_id: str) -> str:
    """Partition of which residences a campaign's steps were done in (operations table)."""
    return f"RENEWALSTEPS#{campaign_id}"


def renewal_mark(campaign_id: str, step_on: str, residence_id: str) -> Key:
    """A step of a campaign that was done in a residence."""
    return {"pk": renewal_marks(campaign_id), "sk": f"{step_on}#{residence_id}"}


def attachments_of(lease_id: str) -> str:
    """Partition of a lease's attachments."""
    return f"ATTACHMENTS#{lease_id}"


def attachment(lease_id: str, attachment_id: str) -> Key:
    """An attachment, from request to file."""
    return {"pk": attachments_of(lease_id), "sk": f"ATTACHMENT#{attachment_id}"}


def attachments_begun(lease_id: str, side: str) -> Key:
    """When a side of a lease (`tenant`, `staff`) began its last uploads."""
    return {"pk": attachments_of(lease_id), "sk": f"BEGUN#{side}"}


def attachments_to_delete() -> str:
    """Partition, on the first index, of all attachments, by when they go."""
    return "ATTACHMENTS"


def threads_of(lease_id: str) -> str:
    """Partition of a lease's threads, and of what guards writing in them."""
    return f"THREADS#{lease_id}"


def thread(lease_id: str, thread_id: str) -> Key:
    """A thread, without its messages."""
    return {"pk": threads_of(lease_id), "sk": f"THREAD#{thread_id}"}


def thread_key(lease_id: str, key_hash: str) -> Key:
    """A caller's Idempotency-Key for a message."""
    return {"pk": threads_of(lease_id), "sk": f"KEY#{key_hash}"}


def messages_written(lease_id: str) -> Key:
    """When a lease's tenant wrote lately."""
    return {"pk": threads_of(lease_id), "sk": "WRITTEN"}


def messages_of_thread(thread_id: str) -> str:
    """Partition of a thread's messages, by number."""
    return f"THREAD#{thread_id}"


def thread_message(thread_id: str, number: int) -> Key:
    """A message of a thread."""
    return {"pk": messages_of_thread(thread_id), "sk": f"MESSAGE#{number:06}"}


def threads_of_residence(residence_id: str) -> str:
    """Partition, on the first index, of a residence's open threads: those that wait by the oldest unanswered
    message, the others by their last."""
    return f"THREADS#{residence_id}"


def canned_answers(owner: str) -> str:
    """Partition of a residence's canned answers, or of the operator's."""
    return f"CANNED#{owner}"


def canned_answer(owner: str, answer_id: str) -> Key:
    """A canned answer."""
    return {"pk": canned_answers(owner), "sk": answer_id}


# --- What leaves for the CAF and universities, and who asks us


def sharing(person_id: str, kind: str) -> Key:
    """Whether a person agrees that a kind of thing is told (identity table)."""
    return {"pk": f"PERSON#{person_id}", "sk": f"SHARING#{kind}"}


def sharing_of(person_id: str) -> tuple[str, str]:
    """Partition of a person's decisions on what is told, and what their sort keys begin with."""
    return person(person_id)["pk"], "SHARING#"


def transmission(transmission_id: str) -> str:
    """Partition of a transmission: its files, their rows, what was acknowledged without being sent."""
    return f"TRANSMISSION#{transmission_id}"


def transmission_file(transmission_id: str, number: int) -> Key:
    """A file of a transmission: the first says all, the others what differs."""
    return {"pk": transmission(transmission_id), "sk": f"FILE#{number:03}"}


def transmission_row(transmission_id: str, number: int, build_id: str, reference: str) -> Key:
    """A row of a file. `build_id` keeps rows of a build that came to nothing apart."""
    return {"pk": transmission(transmission_id), "sk": f"ROW#{number:03}#{build_id}#{reference}"}


def transmission_stray(transmission_id: str, number: int, reference: str) -> Key:
    """A row that was acknowledged and never sent."""
    return {"pk": transmission(transmission_id), "sk": f"STRAY#{number:03}#{reference}"}


def transmissions_of_residence(residence_id: str) -> str:
    """Partition, on the first index, of a residence's transmitted files, by month."""
    return f"TRANSMISSIONS#{residence_id}"


def transmitted_of_lease(lease_id: str) -> str:
    """Partition, on the first index, of what was transmitted of a lease, by time."""
    return f"TRANSMITTED#{lease_id}"


def document_number(number: str, verification_code: str) -> Key:
    """Finds a document by the number printed on it, which two may share: by its code, which they do not."""
    return {"pk": f"NUMBER#{number}", "sk": verification_code}


def partner_use(partner_id: str, minute: str) -> Key:
    """How often a partner asked within a minute (operations table)."""
    return {"pk": f"PARTNER#{partner_id}", "sk": f"USE#{minute}"}


def partner_nonce(partner_id: str, nonce_hash: str) -> Key:
    """A request of a partner's that was answered, so that it is not again (operations table)."""
    return {"pk": f"PARTNER#{partner_id}", "sk": f"NONCE#{nonce_hash}"}
