"""Returns something else than it promised."""

from bot import PluginInfo, hookimpl

PLUGIN = PluginInfo(on=False)


@hookimpl
def filter_inbound(message):
    return "a string"


@hookimpl
def search_knowledge(question):
    return ["passage"]


@hookimpl
def ai_provider():
    return [object()]
