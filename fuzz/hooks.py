"""What schemathesis cannot know of this service: an append makes a conversation anew that was deleted."""

import schemathesis
from schemathesis.openapi.checks import UseAfterFree

remade = set()
"""The ids of the conversations that an append made, and that were not deleted since."""


@schemathesis.hook
def after_call(context, case, response):
    call = case.operation.label
    if call == "POST /api/conversation/{conversationId}/message" and response.status_code == 201:
        remade.add(case.path_parameters["conversationId"])
    elif call == "DELETE /api/conversation/{conversationId}" and response.status_code == 204:
        remade.discard(case.path_parameters["conversationId"])
    elif call == "DELETE /api/conversation" and response.status_code == 200:
        remade.clear()


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether this failure is one: the check takes only a POST to the deleted address itself for a new creation."""
    return not (isinstance(failure, UseAfterFree) and case.path_parameters.get("conversationId") in remade)
