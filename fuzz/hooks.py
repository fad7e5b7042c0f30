"""Tells schemathesis that an append creates a deleted conversation again, and that a truncation does not delete it."""

import schemathesis
from schemathesis.openapi.checks import UseAfterFree

existing = set()
"""The ids of conversations that a call has created or truncated and nobody has deleted since."""

CHANGES = {
    ("POST /api/conversation/{conversationId}/message", 201),
    ("POST /api/conversation/{conversationId}/messages", 201),
    ("DELETE /api/conversation/{conversationId}/messages", 200),
}


@schemathesis.hook
def after_call(context, case, response):
    call = case.operation.label
    if (call, response.status_code) in CHANGES:
        existing.add(case.path_parameters["conversationId"])
    elif call == "DELETE /api/conversation/{conversationId}" and response.status_code == 204:
        existing.discard(case.path_parameters["conversationId"])
    elif call == "DELETE /api/conversation" and response.status_code == 200:
        existing.clear()


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Keeps a failure unless the conversation exists; the check does not know these routes."""
    return not (isinstance(failure, UseAfterFree) and case.path_parameters.get("conversationId") in existing)
