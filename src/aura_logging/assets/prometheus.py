"""Generate recording and alerting rules for Prometheus, and a scrape configuration to begin with.

The alerts are those of `aura_logging.alerts`, for fleets that alert from Prometheus; two more watch the log system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aura_logging.alerts import AlertOptions
from aura_logging.metrics import catalogue
from aura_logging.metrics.buckets import shown

__all__ = ["AlertingRule", "RecordingRule", "alerting_rules", "files", "recording_rules"]

# Somebody mistyping a password is no threat; guessing is, and has threat types of its own besides.
_THREATS = 'aura_security_events_total{threat_type!="authentication_failure"}'
_LOGIN_FAILURES = 'aura_security_events_total{threat_type="authentication_failure"}'


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A query that is worth computing once."""

    record: str
    expr: str


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """A query whose answer is an alert."""

    alert: str
    expr: str
    severity: str
    summary: str
    for_: str = "0m"


def recording_rules() -> Sequence[RecordingRule]:
    """Return what dashboards and alerts ask for most."""
    bucket = "aura_request_duration_seconds_bucket"
    return (
        RecordingRule("aura:requests:rate5m", "sum(rate(aura_requests_total[5m]))"),
        RecordingRule("aura:errors:rate5m", "sum by (logger, type) (rate(aura_errors_total[5m]))"),
        RecordingRule(
            "aura:request_error_ratio:rate5m",
            'sum(rate(aura_requests_total{status="5xx"}[5m])) / sum(rate(aura_requests_total[5m]))',
        ),
        RecordingRule(
            "aura:request_duration_seconds:p95_5m", f"histogram_quantile(0.95, sum by (le) (rate({bucket}[5m])))"
        ),
        RecordingRule(
            "aura:request_duration_seconds_by_route:p95_5m",
            f"histogram_quantile(0.95, sum by (le, route) (rate({bucket}[5m])))",
        ),
    )


def alerting_rules(options: AlertOptions | None = None) -> Sequence[AlertingRule]:
    """Return the alerts with these thresholds, by default the contract's, but for those that are `disabled`."""
    chosen = options or AlertOptions(slow_request_seconds=2.0, max_queries=20)
    slow = _bound_from(chosen.slow_request_seconds, shown(catalogue.REQUEST_DURATION.bounds))
    many = _bound_from(chosen.max_queries, shown(catalogue.REQUEST_DB_QUERIES.bounds))
    rules = (
        AlertingRule(
            "AuraSlowRequests",
            _above("aura_request_duration_seconds", slow),
            "warning",
            f"Requests of {{{{ $labels.route }}}} took more than {slow:g} s.",
        ),
        AlertingRule(
            "AuraManyQueries",
            _above("aura_request_db_queries", many),
            "warning",
            f"Requests of {{{{ $labels.route }}}} made more than {many:g} database queries.",
        ),
        AlertingRule(
            "AuraErrorRate",
            f"aura:request_error_ratio:rate5m > {chosen.max_error_rate:g}",
            "critical",
            "{{ $value | humanizePercentage }} of all requests of the last five minutes failed.",
        ),
        AlertingRule(
            "AuraMemory",
            f"max by (instance) (aura_memory_percent) > {chosen.max_memory_percent:g}",
            "critical",
            "{{ $value | humanize }} % of the system's memory is in use.",
            "1m",
        ),
        AlertingRule(
            "AuraThreat",
            # A series that is new has no increase yet, but its first event happened all the same.
            f"max by (threat_type) (increase({_THREATS}[5m])) > 0 or "
            f"max by (threat_type) ({_THREATS} unless {_THREATS} offset 5m) > 0 or "
            f"max by (threat_type) (increase({_LOGIN_FAILURES}[5m])) > 25",
            "critical",
            "A threat was seen: {{ $labels.threat_type }}.",
        ),
        AlertingRule(
            "AuraLogRecordsLost",
            "sum by (handler, reason) (increase(aura_handler_dropped_total[5m])) > 0",
            "warning",
            "{{ $labels.handler }} loses log records: {{ $labels.reason }}.",
        ),
        AlertingRule(
            "AuraCircuitOpen",
            "sum by (handler) (aura_handler_circuits_open) > 0",
            "warning",
            "The destination of {{ $labels.handler }} fails in {{ $value }} processes.",
            "1m",
        ),
    )
    disabled = {_ALERTS_OF_RULES[name] for name in chosen.disabled}
    return tuple(rule for rule in rules if rule.alert not in disabled)


_ALERTS_OF_RULES = {
    "slow_requests": "AuraSlowRequests",
    "many_queries": "AuraManyQueries",
    "error_rate": "AuraErrorRate",
    "memory": "AuraMemory",
    "threats": "AuraThreat",
}


def files(options: AlertOptions | None = None) -> Mapping[str, str]:
    """Return the rules' file and a scrape configuration."""
    return {"aura-rules.yml": _rules_text(alerting_rules(options)), "prometheus.yml": _SCRAPE}


def _above(histogram: str, bound: float) -> str:
    return (
        f"sum by (route) (increase({histogram}_count[5m])) - "
        f'sum by (route) (increase({histogram}_bucket{{le="{bound!r}"}}[5m])) > 0.5'
    )


def _bound_from(threshold: float, bounds: Sequence[float]) -> float:
    return next((bound for bound in bounds if bound >= threshold), bounds[-1])


def _rules_text(alerts: Sequence[AlertingRule]) -> str:
    lines = ["groups:", "  - name: aura-recording", "    interval: 30s", "    rules:"]
    for recording in recording_rules():
        lines += [f"      - record: {recording.record}", f"        expr: {_quoted(recording.expr)}"]
    lines += ["  - name: aura-alerts", "    rules:"]
    for rule in alerts:
        lines += [
            f"      - alert: {rule.alert}",
            f"        expr: {_quoted(rule.expr)}",
            f"        for: {rule.for_}",
            f"        labels: {{severity: {rule.severity}}}",
            f"        annotations: {{summary: {_quoted(rule.summary)}}}",
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # YAML's single quotes take everything as it is, but themselves.
    return "'" + text.replace("'", "''") + "'"


_SCRAPE = """\
# One target for each store, not for each worker: every worker answers for all.
scrape_configs:
  - job_name: aura
    metrics_path: /aura/metrics
    # authorization: {credentials_file: /etc/prometheus/aura-token}
    static_configs:
      - targets: ['127.0.0.1:8000']
rule_files:
  - aura-rules.yml
"""
