"""Which kinds of panel the page draws, and which of Grafana's data sources it has something in place of."""

METRIC_KINDS = frozenset({"prometheus", "grafana-amazonprometheus-datasource", "victoriametrics-metrics-datasource"})
TRACE_KINDS = frozenset({"traces", "jaeger", "tempo", "zipkin"})
LOG_KINDS = frozenset({"logs", "loki", "elasticsearch"})
DRAWN = frozenset({
    "timeseries", "stat", "gauge", "bargauge", "barchart", "table", "heatmap", "state-timeline", "status-history",
    "piechart", "histogram", "logs", "traces", "text", "row", "dashlist", "alertlist",
})  # fmt: skip
