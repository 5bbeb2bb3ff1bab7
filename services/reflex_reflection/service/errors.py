"""What this service answers with besides the errors of every service."""

from reflex_service.errors import ServiceError


class EmbeddingDownError(ServiceError):
    """The real model fails on this query; a search by words still works."""

    status = 503
    type = "server_error"
    code = "embedding"
