"""Deskhand's core. What a plugin may import is exactly the names of this file (a test holds that).

Names are looked up when first used, so that ``import bot`` costs nothing. A public name never equals the name of a module
here (an imported submodule would hide it): ``public=private`` in the table gives such a one another name.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES: dict[str, tuple[str, str]] = {
    name.partition("=")[0]: (home, name.partition("=")[2] or name)
    for home, names in {
        "bot.messages": "Attachment Author Button Draft FileView Inbound MessageView Outbound Profile Reaction Receipt Refused Sent "
        "Source State MAX_TEXT",
        "bot.channel": "Capability Channel ChannelDown DeliveryFailure Inbox Limits PermanentFailure Resend TemporaryFailure Uncertain",
        "bot.desk": "EVERYBODY Card Desk DeskAnswer DeskCapability DeskEvent DeskInbox DeskPost Line OpenThread Posted Presence ThreadGone",
        "bot.desk_actions": "ACTION_WORDS=WORDS Action ActionWord",
        "bot.pages": "Choice Confirm Field Heading Option Page Part Press Presses Row Rule Wanted Words",
        "bot.presence": "desk_agents=known_people desk_people=told",
        "bot.workplace.rooms": "desk_homes=homes desk_options=options desk_page=page",
        "bot.answer_mails": "customer_seen=seen",
        "bot.ai": "AICapability AIProvider Clocks Conclusion Delta DeltaStream End Handoff Image Prompt PromptMessage ProviderError "
        "ProviderErrorKind Text ToolCall Usage Vectors",
        "bot.prompting": "conclude_tool parse_tool_call render",
        "bot.knowledge": "ArticleText ArticleView Finding Found Gone KnowledgeSource KnowledgeVersion LeftOut Passage Piece Place Question "
        "Remember SourceArticle SourceFailed SourceOrder SourceReader SourceRefused StoredPassage Unchanged UnusableArticle Visibility",
        "bot.sources": "SourceReport SourceView add_source ask_for_source=ask_for find_source list_sources remove_source site_id_of",
        "bot.importing": "import_in_background import_source kinds_of_source start_due_sources",
        "bot.articles": "article_sources article_text article_view changed_articles knowledge_version list_articles passages_of "
        "retire_articles save_articles site_ids",
        "bot.article_versions": "ArticleRefused VersionView approve_article article_history draft_article edit_article edit_draft "
        "find_version list_drafts reject_article remove_article restore_article",
        "bot.outward": "Outward OutwardAnswer OutwardFailed OutwardRefused check_address",
        "bot.pieces": "cut_article=cut",
        "bot.embedding": "embed_texts embedding_model",
        "bot.clock": "now",
        "bot.fingerprints": "fingerprint_question=of_question origin_of=of_origin",
        "bot.citations": "Cited recite source_of",
        "bot.pleasantries": "FREQUENT_WORDS=FREQUENT Talk language_of small_talk",
        "bot.language_names": "base_language=base",
        "bot.word_forms": "fold_word=fold stem_word=stem",
        "bot.hidden": "strip_hidden",
        "bot.tables": "Columns TableRow TableUnreadable read_tables table_place=where",
        "bot.events": "Allowance Answer AutoReply Escalation JobSpec OpeningHours Pace Priority Reason Recalled TurnContext",
        "bot.answer_log": "RecentAnswer recent_answers",
        "bot.budgeting": "Spent estimate_spending=estimate give_back set_aside "
        "spending_of_turn=standing spent_of_day tell_step=told",
        "bot.hookspecs": "PluginInfo hookimpl",
        "bot.settings": "Settings setting",
        "bot.shielding": "mask_texts",
        "bot.own_patterns": "compile_patterns=own_patterns",
        "bot.personal_data": "PersonalData=Detector PERSONAL_KINDS=USUAL PERSONAL_EXTRAS=EXTRA PHONE_REGIONS=REGIONS mask_in_logs "
        "plain_text=plain words_for",
        "bot.placeholders": "placeholders_for placeholders_of",
        "bot.standins": "escape_placeholders=escape",
        "bot.snapshot": "RequiredPluginFailed",
        "bot.bus": "get_bus=bus",
        "bot.carry_over": "Offer offer_code=offer too_many_codes=too_many",
        "bot.config": "Config ConfigError get_config=config",
        "bot.confirmations": "Asked asked_by confirm_address=confirm",
        "bot.cursors": "change_cursor load_cursor save_cursor",
        "bot.deliver": "Claimed",
        "bot.lease": "lead resign",
        "bot.cached_answers": "CachedView CacheTotals cache_answer cache_totals cached_answer clear_cached count_hit "
        "list_cached sweep_cached",
        "bot.reply_rules": "Imported ReplyRule RuleRefused RuleSource add_rule change_rule checked_rule count_rule_use=count_use "
        "import_rules list_rules remove_rule rules_version",
        "bot.prompt_values": "PromptRefused PromptValues prompt_rules=RULES site_prompts=from_site welcome_words",
        "bot.prompt_versions": "VersionView discard_prompts=discard prompt_history=versions_of prompt_version=version_of prompts_of "
        "publish_prompts=publish published_values restore_prompts=restore set_prompt=set_value unset_prompt=unset_value",
        "bot.desk_events": "receive_desk",
        "bot.outbox": "DeskOutbox Outbox",
        "bot.plugin_commands": "command_actor=actor",
        "bot.plugins": "Registry",
        "bot.publishing": "PublishingStopped publish_change=publish",
        "bot.reviewing": "DraftWaiting approve_draft=approve change_draft=edit find_draft reject_draft=reject waiting_drafts",
        "bot.topics": "NoSuchTopic TopicView find_topic gather_questions=gather list_topics mark_topic",
        "bot.lessons": "learn_from_people=learn lessons_learned=lessons",
        "bot.qr": "qr_code=svg",
        "bot.prices": "Price cost price_of",
        "bot.process": "enter_process=process",
        "bot.replies": "send_due_replies=send_due",
        "bot.receive": "receive_events=receive receive_soon",
        "bot.showing": "Hint Showing draft_of",
        "bot.stopping": "request_stop",
        "bot.store": "StoreUnavailable",
        "bot.accounts": "SiteView VisitorView all_sites=sites epoch new_visitor site_by_id site_by_key visitor_contact visitor_of",
        "bot.erase": "erase_conversation",
        "bot.failpoints": "failpoint",
        "bot.history": "Changes ConversationView Ownership changes changes_of conversations heads last_conversation "
        "ownership start_conversation unread",
        "bot.metrics": "new_counter=counter new_gauge=gauge new_histogram=histogram",
        "bot.proxies": "address_prefix client_address",
        "bot.throttle": "Throttle",
        "bot.waiting": "QueueView SiteHours queues site_hours",
        "bot.watching": "draft_text hints_arrive tell_typing watch",
        "bot.uploads": "largest_upload room_for_uploads take_upload upload_limits",
        "bot.web_errors": "RequestError allow_large on_drain",
        "bot.webhook": "Forged WebhookChannel WebhookRequest sign_hmac take_webhook=take verify_hmac verify_time webhook_routes",
        "bot.whereabouts": "StartLink announce_channel=announce withdraw_channel=withdraw",
        "bot.threads": "offload",
        "bot.troubles": "forget_troubles=forget tell_trouble=tell",
    }.items()
    for name in names.split()
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"bot has no public name {name!r}; what plugins may import is listed in docs/hooks.md")
    module, attribute = home
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
