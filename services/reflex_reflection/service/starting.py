"""Puts the service together from its settings: the only place that makes the real parts."""

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector

from reflex_reflection import fixtures
from reflex_reflection.config import ReflectionConfig
from reflex_reflection.config_file import read_config
from reflex_reflection.errors import ConfigError, EmbeddingError, StoreError
from reflex_reflection.log import FILE_NAME, LogFile
from reflex_reflection.redaction import redactor
from reflex_reflection.service.metrics import ServiceMetrics
from reflex_reflection.service.parts import LOG, Parts
from reflex_reflection.service.settings import ServiceSettings
from reflex_reflection.step import steady_times
from reflex_reflection.store.database import Database
from reflex_reflection.store.embeddings import Embeddings
from reflex_reflection.store.memories import Memories
from reflex_reflection.store.retention import Retention
from reflex_reflection.store.search import Search
from reflex_service.errors import StartError
from reflex_service.keys import KeyRing
from reflex_service.rates import Rate


def assemble(settings: ServiceSettings, *, now: Callable[[], float] = time.time) -> Parts:
    """Return the parts, with the database's tables up to date; nothing runs yet.

    Raises:
        StartError: configuration, keys or database cannot be used; its text says what to do.
    """
    config = _config(settings)
    keys = KeyRing(settings.keys_file)
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.url)
    except OSError as error:
        raise StartError(f"error: data_dir {settings.data_dir}: {error.strerror}") from error
    except StoreError as error:
        raise StartError(f"error: {error}") from error
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return Parts(
        settings=settings,
        config=config,
        keys=keys,
        rate=Rate(settings.rate, what="requests"),
        database=database,
        memories=Memories(database, now=now),
        search=Search(database=database, now=now),
        retention=Retention(
            database=database,
            now=now,
            max_per_owner=settings.memories,
            keep_deleted_seconds=settings.keep_deleted_days * 86_400,
            keep_audit=settings.keep_audit,
        ),
        embeddings=_embeddings(settings, database),
        redact=redactor(),
        load=fixtures.load,
        log=LogFile(settings.data_dir / FILE_NAME, keep_bytes=settings.log_bytes),
        steady=steady_times(),
        metrics=ServiceMetrics(registry),
        registry=registry,
        now=now,
        clock=time.monotonic,
    )


def _embeddings(settings: ServiceSettings, database: Database) -> Embeddings | None:
    if settings.embedding_model is None:
        return None
    # Only here: who has no model needs no runtime for one.
    from reflex_reflection.onnx_embedding import load_model

    try:
        model = load_model(settings.embedding_model)
    except EmbeddingError as error:
        raise StartError(f"error: embedding_model: {error}") from error
    LOG.info("memories are embedded by %s", model.name)
    return Embeddings(database=database, model=model.name, embed=model.embed)


def _config(settings: ServiceSettings) -> ReflectionConfig:
    if settings.config is None:
        LOG.warning("no CONFIG: t3.allow_reflection is off, so no turn is reflected on")
        return ReflectionConfig()
    try:
        found = read_config(settings.config)
    except ConfigError as error:
        raise StartError(f"error: {settings.config} is wrong\n{error}") from error
    for warning in found.warnings:
        LOG.warning("%s: %s", settings.config, warning)
    if not found.config.allow_reflection:
        LOG.warning("%s: t3.allow_reflection is off: no turn is reflected on", settings.config)
    return found.config
