"""The only truth: tables, and the two ways to touch them, :func:`read` and :func:`write`."""

from __future__ import annotations

from bot.store.answers import AnswerLog, AnswerMark, Spend
from bot.store.canned import CannedReply, CannedUse
from bot.store.control import Audit, Breaker, DataKey, Leader, PluginState, Setting, Slot
from bot.store.conversations import Conversation, Ledger, Message, Route, Ticket, Turn
from bot.store.database import (
    Base,
    StoreUnavailable,
    close_database,
    db,
    is_sqlite,
    open_database,
    read,
    sql,
    submit,
    write,
)
from bot.store.desks import Agent, AgentIdentity, DeskThread, LinkCode, Reply, TicketEvent, Waited
from bot.store.drafting import AgentDraft
from bot.store.files import StoredFile
from bot.store.fleet import ModelPrice, Provider, ProviderMinute, ProviderProbe
from bot.store.inboxes import InboxView, TicketTag
from bot.store.knowledge import Article, ArticleVersion, KnowledgeSource, Passage, SourcePlace
from bot.store.lessons import AcceptedAnswer, Lesson, Topic, TopicQuestion
from bot.store.mails import Mail, MailAddress, Rating
from bot.store.merges import CarryCode, ContactMerge
from bot.store.migrating import migrate
from bot.store.notifications import Notification, NotificationPost, NotificationPreference
from bot.store.outbox import Cursor, Delivery, EarlyReaction, Job
from bot.store.people import Contact, Identity, Site, Visitor
from bot.store.prepared import CachedAnswer, PromptVersion, ReplyRule
from bot.store.routing import AgentOffer, AgentTurn, Routed, RoutingRule
from bot.store.service_levels import AgentPresence, ServiceTarget
from bot.store.shielded import Placeholder
from bot.store.together import write_together

TABLES: tuple[type[Base], ...] = (
    Site, Contact, Identity, Visitor, Conversation, Route, Ledger, Turn, Message, Ticket, Delivery, EarlyReaction, Cursor, Job,
    Article, ArticleVersion, Passage, KnowledgeSource, SourcePlace, AgentPresence, ServiceTarget,
    PluginState, Setting, Breaker, DataKey, Audit, Slot, Leader,
    Agent, AgentIdentity, LinkCode, DeskThread, Reply, TicketEvent, Mail, MailAddress, Rating, Waited, StoredFile,
    CarryCode, ContactMerge, Placeholder, AnswerLog, AnswerMark, Spend,
    ReplyRule, CachedAnswer, PromptVersion, CannedReply, CannedUse, Provider, ModelPrice, ProviderMinute, ProviderProbe,
    Notification, NotificationPost, NotificationPreference,
    AcceptedAnswer, Topic, TopicQuestion, Lesson, TicketTag, InboxView, AgentDraft,
    RoutingRule, Routed, AgentOffer, AgentTurn,
)  # fmt: skip

__all__ = [
    "TABLES", "AcceptedAnswer", "Agent", "AgentDraft", "AgentIdentity", "AgentOffer", "AgentPresence", "AgentTurn", "AnswerLog",
    "AnswerMark", "Article", "ArticleVersion", "Audit", "Base", "Breaker", "CachedAnswer", "CannedReply", "CannedUse",
    "CarryCode", "Contact", "ContactMerge", "Conversation", "Cursor", "DataKey", "Delivery", "DeskThread", "EarlyReaction", "Identity",
    "InboxView", "Job", "KnowledgeSource", "Leader", "Ledger", "Lesson", "LinkCode", "Mail", "MailAddress", "Message",
    "ModelPrice", "Notification", "NotificationPost", "NotificationPreference", "Passage", "Placeholder", "PluginState",
    "PromptVersion", "Provider", "ProviderMinute", "ProviderProbe", "Rating", "Reply", "ReplyRule", "Route", "Routed",
    "RoutingRule", "ServiceTarget", "Setting", "Site", "Slot", "SourcePlace", "Spend", "StoreUnavailable", "StoredFile", "Ticket",
    "TicketEvent", "TicketTag", "Topic", "TopicQuestion", "Turn", "Visitor", "Waited", "close_database", "db",
    "is_sqlite", "migrate", "open_database", "read", "sql", "submit", "write", "write_together",
]  # fmt: skip
