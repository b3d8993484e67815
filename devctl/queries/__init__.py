"""The read side: logs, traces, metrics, journeys and boards, for every front end alike."""
