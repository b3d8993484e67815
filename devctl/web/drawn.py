"""Which kinds of panel the page draws."""

DRAWN = frozenset({
    "timeseries", "stat", "gauge", "bargauge", "barchart", "table", "heatmap", "state-timeline", "status-history",
    "piechart", "histogram", "logs", "traces", "text", "row", "dashlist", "alertlist",
})  # fmt: skip
