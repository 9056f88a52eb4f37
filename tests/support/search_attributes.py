"""Search attributes of workflows that a test starts without the API."""

from collections.abc import Mapping

from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from deployments.temporal_names import Attribute

__all__ = ["keywords"]


def keywords(values: Mapping[Attribute, str]) -> TypedSearchAttributes:
    """The attributes, each a keyword, which is the type of all that the service writes."""
    return TypedSearchAttributes(
        [
            SearchAttributePair(SearchAttributeKey.for_keyword(name), value)
            for name, value in values.items()
        ]
    )
