"""The tables of citizens: accounts, sessions, contacts of carts, codes, text messages, limits, complaints.

No row tells a mobile number, a code or a text: numbers and texts are sealed, codes are keyed digests, and
what was sent is forgotten as it ends (docs/adr/0122).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)

from ekpay_switch.domain.citizens.complaints import (
    MESSAGES_MAX,
    ComplaintState,
    ComplaintTopic,
    MessageAuthor,
)
from ekpay_switch.domain.citizens.one_time_codes import TRIES_MAX, CodePurpose
from ekpay_switch.domain.citizens.text_messages import MessageEnd, MessageKind
from ekpay_switch.domain.collections.payer_page import PayerLanguage
from ekpay_switch.persistence.schema.books import APPEND_ONLY, instant, metadata, one_of

# Whom to write to about a cart; a cart that is dropped takes its contact along.
cart_contacts = Table(
    "cart_contacts",
    metadata,
    Column("cart_id", Uuid, ForeignKey("bill_carts.id", ondelete="CASCADE"), primary_key=True),
    Column("number_sealed", LargeBinary, nullable=False),
    Column("language", Text, nullable=False),
    CheckConstraint(one_of("language", PayerLanguage), name="language"),
)

# `subject` is what a right code opens; a code without one opens nothing and was never sent, so that nobody
# learns by requesting one what is known here. A code ends once, used or replaced.
one_time_codes = Table(
    "one_time_codes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("subject", Text),
    Column("digest", LargeBinary, nullable=False),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    instant("created_at", server_default=func.now()),
    instant("expires_at", index=True),
    instant("used_at", nullable=True),
    instant("replaced_at", nullable=True),
    CheckConstraint(one_of("purpose", CodePurpose), name="purpose"),
    CheckConstraint(f"tries BETWEEN 0 AND {TRIES_MAX}", name="tries"),
    CheckConstraint("num_nonnulls(used_at, replaced_at) <= 1", name="one_end"),
    CheckConstraint("used_at IS NULL OR (subject IS NOT NULL AND tries > 0)", name="used_at"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
)

# A message that waits has its number and text, sealed together; one that has ended has neither.
text_messages = Table(
    "text_messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("masked_number", Text, nullable=False),
    Column("sealed", LargeBinary),
    instant("created_at", server_default=func.now()),
    instant("worth_until"),
    instant("next_try_at", nullable=True, server_default=func.now()),
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("last_why", Text),
    Column("ending", Text),
    instant("ended_at", nullable=True),
    Column("gateway_reference", Text),
    CheckConstraint(one_of("kind", MessageKind), name="kind"),
    CheckConstraint(one_of("ending", MessageEnd), name="ending"),
    CheckConstraint("num_nonnulls(ending, ended_at) IN (0, 2)", name="ended_at"),
    CheckConstraint("(ending IS NULL) = (next_try_at IS NOT NULL)", name="next_try_at"),
    CheckConstraint("(ending IS NULL) = (sealed IS NOT NULL)", name="sealed"),
)
Index(
    "ix_text_messages_next_try_at",
    text_messages.c.next_try_at,
    postgresql_where=text("next_try_at IS NOT NULL"),
)
Index("ix_text_messages_created_at", text_messages.c.created_at)

# How often one may be sent; `holder` is a kind of limit and a hash of what it counts (`shared_buckets`).
message_permits = Table(
    "message_permits",
    metadata,
    Column("holder", Text, primary_key=True),
    instant("free_at", index=True),
)

# A registered citizen. `number_digest` finds the account of a number, which is sealed; a closed account has
# neither, and its number may register anew.
citizens = Table(
    "citizens",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number_digest", LargeBinary, unique=True),
    Column("number_sealed", LargeBinary),
    Column("language", Text, nullable=False),
    instant("created_at", server_default=func.now()),
    instant("closed_at", nullable=True),
    CheckConstraint(one_of("language", PayerLanguage), name="language"),
    CheckConstraint("octet_length(number_digest) = 32", name="number_digest"),
    CheckConstraint("(closed_at IS NULL) = (number_digest IS NOT NULL)", name="open_number"),
    CheckConstraint("(closed_at IS NULL) = (number_sealed IS NOT NULL)", name="open_sealed"),
)

# A browser that is signed in; its cookie holds a secret of which only the digest is here. A session that was
# ended is gone.
citizen_sessions = Table(
    "citizen_sessions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("citizen_id", Uuid, ForeignKey("citizens.id"), nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("device", Text, nullable=False),
    instant("begun_at", server_default=func.now()),
    instant("used_at", server_default=func.now(), index=True),
    instant("proven_at", server_default=func.now()),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
)

# Whose cart it is, once it was ordered by somebody who was signed in.
citizen_carts = Table(
    "citizen_carts",
    metadata,
    Column("cart_id", Uuid, ForeignKey("bill_carts.id", ondelete="CASCADE"), primary_key=True),
    Column("citizen_id", Uuid, ForeignKey("citizens.id"), nullable=False),
    instant("at", server_default=func.now()),
)
Index("ix_citizen_carts_citizen_id_at", citizen_carts.c.citizen_id, citizen_carts.c.at)

# What names the next bills of a citizen, sealed with the citizen's own word for it; `digest` keeps it from
# being saved twice. A closed account has none.
saved_bills = Table(
    "saved_bills",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("citizen_id", Uuid, ForeignKey("citizens.id"), nullable=False),
    Column("biller_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    instant("created_at", server_default=func.now()),
    UniqueConstraint("citizen_id", "digest"),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
)

# When the biller of a saved bill is asked next, and due date and paisa of the unpaid bill that it named last.
# A standing order prepares what is no more than `cap`, unless it is paused.
# `biller_id` is that of the saved bill, so that each biller has a queue of its own.
bill_reminders = Table(
    "bill_reminders",
    metadata,
    Column("saved_id", Uuid, ForeignKey("saved_bills.id", ondelete="CASCADE"), primary_key=True),
    Column("biller_id", Text, nullable=False),
    instant("next_check_at", server_default=func.now()),
    Column("epoch", Integer, nullable=False, server_default=text("0")),
    Column("due_on", Date),
    Column("owed", BigInteger),
    instant("checked_at", nullable=True),
    Column("cap", BigInteger),
    Column("is_paused", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("due_on IS NULL OR owed IS NOT NULL", name="due_on"),
    CheckConstraint("owed IS NULL OR (owed > 0 AND checked_at IS NOT NULL)", name="owed"),
    CheckConstraint("cap > 0", name="cap"),
    CheckConstraint("cap IS NOT NULL OR NOT is_paused", name="is_paused"),
)
Index("ix_bill_reminders_biller_id_next_check_at", bill_reminders.c.biller_id, bill_reminders.c.next_check_at)

# Of which bills a citizen was reminded, as keyed digests that tell none of them.
sent_reminders = Table(
    "sent_reminders",
    metadata,
    Column("citizen_id", Uuid, ForeignKey("citizens.id"), primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    instant("at", server_default=func.now(), index=True),
    CheckConstraint("octet_length(digest) = 32", name="digest"),
)

# A complaint about a payment at the portal. `due_on` is the Dhaka date by which it is answered, `waits_since`
# when its payer wrote last; `escalated_at` when they were not content with an answer.
complaints = Table(
    "complaints",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False, unique=True),
    Column("cart_id", Uuid, ForeignKey("bill_carts.id"), nullable=False, index=True),
    Column("bill_seq", SmallInteger),
    Column("topic", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=text(f"'{ComplaintState.WAITING}'")),
    Column("due_on", Date, nullable=False),
    instant("created_at", server_default=func.now()),
    instant("waits_since", server_default=func.now()),
    instant("escalated_at", nullable=True),
    instant("answered_at", nullable=True),
    ForeignKeyConstraint(["cart_id", "bill_seq"], ["cart_bills.cart_id", "cart_bills.seq"]),
    CheckConstraint(one_of("topic", ComplaintTopic), name="topic"),
    CheckConstraint(one_of("language", PayerLanguage), name="language"),
    CheckConstraint(one_of("state", ComplaintState), name="state"),
    CheckConstraint(
        f"(state = '{ComplaintState.ANSWERED}') = (answered_at IS NOT NULL)",
        name="answered_at",
    ),
)
Index(
    "ix_complaints_due_on",
    complaints.c.due_on,
    postgresql_where=complaints.c.state == text(f"'{ComplaintState.WAITING}'"),
)
Index("ix_complaints_answered_at", complaints.c.answered_at)

# What payers and the staff wrote, sealed; the first message of a complaint is 1.
complaint_messages = Table(
    "complaint_messages",
    metadata,
    Column("complaint_id", Uuid, ForeignKey("complaints.id", ondelete="CASCADE"), primary_key=True),
    Column("nth", SmallInteger, primary_key=True, autoincrement=False),
    Column("author", Text, nullable=False),
    Column("staff_name", Text),
    Column("sealed", LargeBinary, nullable=False),
    instant("at", server_default=func.now()),
    CheckConstraint(one_of("author", MessageAuthor), name="author"),
    CheckConstraint(f"(author = '{MessageAuthor.STAFF}') = (staff_name IS NOT NULL)", name="staff_name"),
    CheckConstraint(f"nth BETWEEN 1 AND {MESSAGES_MAX}", name="nth"),
    info=APPEND_ONLY,
)
