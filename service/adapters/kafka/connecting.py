"""How brokers are reached: what every client of ours is told by the settings."""

from __future__ import annotations

import ssl

from aiokafka.errors import KafkaConnectionError, KafkaError, UnsupportedCodecError

from service.settings import Settings, SettingsError


def connection_options(settings: Settings) -> dict[str, object]:
    """Return what any client of aiokafka is told.

    Raises:
        SettingsError: The settings contradict each other, or name files that cannot be read.
    """
    return {
        "bootstrap_servers": list(settings.kafka_bootstrap_servers),
        "client_id": "stagefold",
        "security_protocol": settings.kafka_security.upper(),
        "ssl_context": _ssl_context(settings),
        **_credentials(settings),
    }


def said_of(error: KafkaError) -> str:
    """Return in one line what went wrong, with the cure where there is one of ours."""
    if isinstance(error, UnsupportedCodecError):
        return f"Kafka: {error}; pip install 'stagefold[kafka]' reads lz4, snappy and zstd"
    if isinstance(error, KafkaConnectionError):
        return f"Kafka: {error}; is STAGEFOLD_KAFKA_SECURITY what they expect? the log says more"
    return f"Kafka: {error}" if str(error) else f"Kafka: {type(error).__name__}"


def _credentials(settings: Settings) -> dict[str, object]:
    if not settings.kafka_security.startswith("sasl"):
        return {}
    if not (settings.kafka_username and settings.kafka_password):
        message = (
            f"STAGEFOLD_KAFKA_SECURITY: {settings.kafka_security} needs"
            " STAGEFOLD_KAFKA_USERNAME and STAGEFOLD_KAFKA_PASSWORD"
        )
        raise SettingsError((message,))
    return {
        "sasl_mechanism": settings.kafka_sasl_mechanism.upper(),
        "sasl_plain_username": settings.kafka_username,
        "sasl_plain_password": settings.kafka_password,
    }


def _ssl_context(settings: Settings) -> ssl.SSLContext | None:
    if not settings.kafka_security.endswith("ssl"):
        return None
    try:
        context = ssl.create_default_context(cafile=settings.kafka_tls_ca or None)
        if settings.kafka_tls_certificate:
            key = settings.kafka_tls_key or None
            context.load_cert_chain(settings.kafka_tls_certificate, key)
    except OSError as error:
        message = f"STAGEFOLD_KAFKA_TLS_CA and its like: the files cannot be read as PEM: {error}"
        raise SettingsError((message,)) from error
    return context
