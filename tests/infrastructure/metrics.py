"""The metrics that the template may watch or show: AWS's, and ours by the dimension that they are counted with."""

from tests.infrastructure.template import load
from tocsin.application.metrics import Metric

OWN_NAMESPACE = load()["Globals"]["Function"]["Environment"]["Variables"]["METRICS_NAMESPACE"]

AGE, DEPTH = "ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesVisible"
AWS_METRICS = {
    "AWS/ApiGateway": {"5xx"},
    "AWS/DynamoDB": {"ConsumedWriteCapacityUnits", "ReadThrottleEvents", "WriteThrottleEvents"},
    "AWS/Lambda": {"Duration", "Errors", "Throttles"},
    "AWS/SQS": {AGE, DEPTH},
}

BY_FUNCTION = {
    *(Metric.SENDER_ERROR, Metric.LEASE_LOST, Metric.UNPROVED_IDENTITY, Metric.SECRET_KEY_IN_BROWSER),
    *(Metric.SWEPT, Metric.DRIFT, Metric.CRASHED, Metric.CRASHED_AFTER_ACCEPTANCE),
}
BY_REQUEST = {Metric.REQUESTS, Metric.CLIENT_ERRORS, Metric.SERVER_ERRORS, Metric.LATENCY}
BY_MESSAGE = set(Metric) - BY_FUNCTION - BY_REQUEST
COUNTED_BY = {"service": BY_FUNCTION, "dialect": BY_REQUEST | BY_MESSAGE, "push_service": BY_MESSAGE}
