"""The broker on Apache Kafka."""

from mediakiln.adapters.broker.kafka.broker import KafkaBroker

__all__ = ["KafkaBroker"]
