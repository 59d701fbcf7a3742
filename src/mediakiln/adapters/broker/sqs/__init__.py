"""The broker on Amazon SNS and SQS, or on any server that speaks the SQS protocol.

A topic is an SNS topic, a group of it a queue with a raw subscription. Servers without SNS are
used with `fanout=queues`: the publisher sends to each group's queue itself.
"""

from mediakiln.adapters.broker.sqs.broker import SqsBroker

__all__ = ["SqsBroker"]
