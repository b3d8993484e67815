"""Grafana's names for kinds of data sources, by what answers them in a stack. Boards name their sources so."""

PROMETHEUS = "prometheus"
METRIC_KINDS = frozenset({PROMETHEUS, "grafana-amazonprometheus-datasource", "victoriametrics-metrics-datasource"})
TRACE_KINDS = frozenset({"traces", "jaeger", "tempo", "zipkin"})
LOG_KINDS = frozenset({"logs", "loki", "elasticsearch"})
IN_UIDS = ("jaeger", "tempo", "zipkin", "loki", "elasticsearch", "-- mixed --", "-- dashboard --", "grafana")
"""What the uid of a source tells of its kind where a board does not say it."""
